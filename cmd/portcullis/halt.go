package main

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

const (
	// governWithin bounds how long a governor's record may take to be acknowledged.
	governWithin = 10 * time.Second
	// confirmWithin is how long executors may take to confirm it, unless asked
	// otherwise.
	confirmWithin = 10 * time.Second
	// longestReason is what the schema lets a reason have, in characters.
	longestReason = 1024
)

// haltFlags are one halt.
type haltFlags struct {
	scope, reason string
	wait          time.Duration
	drill, local  bool
	out           string
}

func newHaltCommand(g *globals) *cobra.Command {
	var flags haltFlags
	c := &cobra.Command{
		Use:   "halt --reason TEXT [--scope SCOPE | --drill | --local]",
		Short: "Stop: deny everything in scope from now on",
		Long: `Signs a halt with a governor's key of this data folder and appends it. Says so as
soon as the ledger has acknowledged it: every claim that the ledger orders after
it is void on every executor, and running actions in scope are interrupted. Then
it tells, live, how each executor confirms the halt, until none runs anything in
scope any more. Who stays silent is named; that one cannot start anything later
than the start bound B after the halt either. Nothing resumes by itself; see
portcullis resume.

SCOPE is global (the default), zone, tool:NAME, agent:NAME or session:AGENT#SESSION.

--drill appends a halt that stops nothing, and measures how it is confirmed.

--out signs and appends nothing: it writes what was signed to a file, as base64 text,
for somebody else to hand in, such as in the console. It needs no ledger.

--local needs no ledger: it pulls the brake of the executors that run on this
machine with this data folder. They stop at once, and stay disarmed until
portcullis resume --local. SIGUSR1 to an up or executor process does the same.

Exit code 8: the halt stands, and not every executor has confirmed it in time.
With --wait 0 none is waited for.

JSON: {"event":"halted","halt","scope","position","drill"}; {"event":"confirmed","executor","after_ms","position","last_start":
{"claim","before_halt_ms"},"running","halted_running","quiescent"}; {"event":"quiescent","executor","after_ms"}; {"event":"unconfirmed",
"executor","why"}; {"event":"done","quiescent","after_ms","bound_ms","executors","unconfirmed":[…]}; with --local {"event":"braked","brake","says"}; with --out {"event":"signed","file","halt","scope","drill"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if flags.local {
				return g.haltLocal(flags)
			}
			if flags.out != "" {
				return g.haltOut(flags)
			}
			return g.halt(c.Context(), flags)
		},
	}
	c.Flags().StringVar(&flags.scope, "scope", "global", "what is halted")
	c.Flags().StringVar(&flags.reason, "reason", "", "why, for everybody to read on the ledger (required)")
	c.Flags().DurationVar(&flags.wait, "wait", confirmWithin, "how long executors may take to confirm it")
	c.Flags().BoolVar(&flags.drill, "drill", false, "stop nothing; measure how executors confirm")
	c.Flags().BoolVar(&flags.local, "local", false, "pull the brake of this machine's executors; needs no ledger")
	c.Flags().StringVar(&flags.out, "out", "", "sign only, and write what was signed to this new file; needs no ledger")
	c.MarkFlagsMutuallyExclusive("scope", "drill", "local")
	c.MarkFlagsMutuallyExclusive("out", "local")
	return c
}

// record is the halt that is meant.
func (h haltFlags) record(f *fabric.Fabric) (*pb.Governance, *pb.Scope, error) {
	text := h.scope
	if h.drill {
		text = "drill"
	}
	scope, err := governance.ParseScope(text, f.TrustDomain, f.Zone)
	if err != nil {
		return nil, nil, usage(err)
	}
	return zone.HaltRecord(scope, h.reason), scope, nil
}

func (h haltFlags) check() error {
	if h.reason == "" {
		return usage(errors.New("say why with --reason"))
	}
	if n := utf8.RuneCountInString(h.reason); n > longestReason || !utf8.ValidString(h.reason) {
		return usage(fmt.Errorf("--reason has %d characters, or is not UTF-8; give at most %d", n, longestReason))
	}
	if h.scope == "drill" {
		return usage(errors.New("a drill has a flag of its own; say --drill"))
	}
	if h.wait < 0 {
		return usage(errors.New("--wait is less than nothing; give for example 10s, or 0 to wait for nobody"))
	}
	return nil
}

func (g *globals) halt(ctx context.Context, flags haltFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	return g.haltUnsent(g.govern(ctx, func(within context.Context, f *fabric.Fabric, gov *zone.Governing) error {
		return g.haltBy(ctx, within, f, gov, flags)
	}))
}

// haltUnsent says, where the ledger did not answer, what can be done without it.
func (g *globals) haltUnsent(err error) error {
	local := "stop the executors of this machine with: portcullis halt --local --reason TEXT" + g.dataFlag()
	switch exit := exitOf(err); exit {
	case exitUnreachable:
		return &failure{exit, fmt.Errorf("%w; %s", err, local)}
	case exitUnanswered:
		return &failure{exit, fmt.Errorf("%w: it may stand or not, see portcullis resume; %s", err, local)}
	default:
		return err
	}
}

// haltBy halts by a governor who is connected.
func (g *globals) haltBy(ctx, within context.Context, f *fabric.Fabric, gov *zone.Governing, flags haltFlags) error {
	record, scope, err := flags.record(f)
	if err != nil {
		return err
	}
	observer, err := zone.Observe(ctx, zone.ObserveConfig{Fabric: f, Conn: gov.Conn(), Heartbeats: true})
	if err != nil {
		return err
	}
	defer observer.Close()
	if sealed(within, gov) {
		return errSealed
	}
	c := &confirming{g: g, f: f, observer: observer, scope: scope, before: f.Clock()}
	if err := c.send(within, gov, record); err != nil {
		return err
	}
	if c.byGovernor {
		if err := c.tellHalted(flags.drill); err != nil {
			return err
		}
	}
	if err := c.effective(ctx, within); err != nil {
		return err
	}
	if !c.byGovernor {
		if err := c.tellHalted(flags.drill); err != nil {
			return err
		}
	}
	return c.confirm(ctx, flags.wait)
}

// sealedWithin bounds finding out whether there is anything to halt. A halt does
// not wait longer, and none is held back because that could not be read.
const sealedWithin = time.Second

var errSealed = errors.New("the ledger is sealed: everything on it is halted already, for good, and no record governs it any more; halt the ledger that continues it, if there is one")

// sealed reports whether the ledger is known to have ended.
func sealed(ctx context.Context, gov *zone.Governing) bool {
	ctx, cancel := context.WithTimeout(ctx, sealedWithin)
	defer cancel()
	state, err := gov.State(ctx)
	return err == nil && state.Sealed()
}

// govern runs one act of governance on the ledger. Within ends with the time
// that the ledger has to acknowledge it.
func (g *globals) govern(ctx context.Context, act func(within context.Context, f *fabric.Fabric, gov *zone.Governing) error) error {
	f, log, broker, err := g.openAt()
	if err != nil {
		return err
	}
	connecting, connected := context.WithTimeout(ctx, connectWithin)
	defer connected()
	gov, err := zone.Govern(connecting, f, broker, log)
	if err != nil {
		return orUnreachable(err)
	}
	defer gov.Close()
	within, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	return orUnreachable(act(within, f, gov))
}
