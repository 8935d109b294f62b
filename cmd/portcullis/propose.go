package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/telemetry"
	"github.com/portcullis-dev/portcullis/zone"
)

// proposeFlags are one request.
type proposeFlags struct {
	as, tool, resource string
	arguments          argumentFlags
	parents            []string
	timeout            time.Duration
	seal               string // id of a sealing key; "" for arguments in the clear
	evaluate           bool
}

func newProposeCommand(g *globals) *cobra.Command {
	var flags proposeFlags
	c := &cobra.Command{
		Use:   "propose --as AGENT --tool TOOL --resource RESOURCE [--arg NAME=VALUE …]",
		Short: "Propose one action as an agent, and wait for what becomes of it",
		Long: `Proposes one action as an agent of the data folder, and waits until it was
executed, refused, or its deadline is over. The exit code says which. While it
waits for approvals, standard error says so: give it a long --timeout then.

With --evaluate it asks for the verdict only: nothing is done, nothing is taken from
limits, and nobody is asked to approve.

With --seal the arguments go sealed to a key of the release: enforcers and
executors read them, the ledger keeps them until the key is erased.

With --parent, once for each, it names intents that led to this one, of any agent: see
portcullis lineage. INTENT is a whole digest, as propose --json tells it; or the
beginning of one (4 digits or more), an id, or the position of anything about it, which
are looked up on the ledger by whoever of the data folder may read it.

JSON: {"verdict":"ALLOW"|"DENY"|"","status":"EXECUTED"|…|"","intent","intent_at","decided_at","claim","outcome_at","reasons":[…],
"policies":[…],"explanation","result"}; fields that do not apply are left out; positions are "sequence.index".`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.propose(c.Context(), &flags) },
	}
	c.Flags().StringVar(&flags.as, "as", "", "the agent who asks")
	c.Flags().StringVar(&flags.tool, "tool", "", "the tool that is asked for")
	c.Flags().StringVar(&flags.resource, "resource", "", "what is to be acted upon")
	c.Flags().DurationVar(&flags.timeout, "timeout", 10*time.Second, "from now to the deadline")
	c.Flags().StringVar(&flags.seal, "seal", "", "seal the arguments to this key of the release (portcullis keys sealing)")
	c.Flags().BoolVar(&flags.evaluate, "evaluate", false, "ask for the verdict only: nothing is done")
	c.Flags().StringArrayVar(&flags.parents, "parent", nil, "an `INTENT` that led to this one; repeatable")
	flags.arguments.register(c)
	required(c, "as", "tool", "resource")
	return c
}

// required marks flags that must be given.
func required(c *cobra.Command, names ...string) {
	for _, name := range names {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was registered a line above
		}
	}
}

// connectWithin bounds connecting where a person waits.
const connectWithin = 3 * time.Second

func (g *globals) propose(ctx context.Context, flags *proposeFlags) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	release, err := f.Release()
	if err != nil {
		return err
	}
	arguments, err := flags.arguments.json(toolOf(release.Proto, flags.tool))
	if err != nil {
		return err
	}
	if flags.timeout <= 0 {
		return usage(errors.New("--timeout must be more than nothing; give for example 10s"))
	}
	seal, err := sealTo(release.Proto, flags.seal)
	if err != nil {
		return err
	}
	parents, err := g.parents(ctx, flags.parents)
	if err != nil {
		return err
	}
	a, done, err := g.openAgent(ctx, f, flags.as, log)
	if err != nil {
		return err
	}
	defer done()
	request := agent.Request{Tool: flags.tool, Resource: flags.resource, Arguments: arguments, Parents: parents, Timeout: flags.timeout, Seal: seal, Pending: g.pending}
	if flags.evaluate {
		e, err := a.Evaluate(ctx, request, int(release.Proto.GetDecisionThreshold()))
		return g.evaluated(e, err)
	}
	out, err := a.Propose(ctx, request)
	return g.proposed(out, err)
}

// sealTo is a release's sealing key; the zero key, which seals nothing, for "".
func sealTo(r *pb.Release, id string) (trust.SealTo, error) {
	if id == "" {
		return trust.SealTo{}, nil
	}
	for _, k := range r.GetSealingKeys() {
		if k.GetId() == id {
			return trust.NewSealTo(k)
		}
	}
	return trust.SealTo{}, usage(fmt.Errorf("--seal %q is no sealing key of the release in force; see: portcullis keys sealing", id))
}

// pending tells, while the agent waits, that people are asked. It goes to standard
// error: standard output has what became of the proposal.
func (g *globals) pending(why *agent.Refused) {
	if g.json {
		_ = writeJSON(g.stderr, map[string]string{"event": "pending", "intent": why.Intent.String(), "intent_at": why.At.String(), "explanation": why.Explanation})
		return
	}
	fmt.Fprintf(g.stderr, "waiting for approval of %s\n%s  approve it with: portcullis approvals approve %s --as APPROVER\n", why.At, indent(why.Explanation), why.Intent.Short())
}

// openAgent connects as an agent of the fabric.
func (g *globals) openAgent(ctx context.Context, f *fabric.Fabric, name string, log *slog.Logger) (a *agent.Agent, done func(), err error) {
	build, err := fabric.BuildDigest()
	if err != nil {
		return nil, nil, err
	}
	m, err := f.Load(pb.Role_ROLE_AGENT, name, build)
	if err != nil {
		return nil, nil, &failure{exitLocalState, err}
	}
	broker, err := g.broker(f)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := broker.Connect(ctx, m, log)
	if err != nil {
		return nil, nil, unreachable(err)
	}
	tracer := telemetry.OpenTracer(ctx, nil, log)
	if a, err = zone.TracedAgent(ctx, conn, m, tracer, log); err != nil {
		conn.Close()
		return nil, nil, orUnreachable(err)
	}
	return a, func() { a.Close(); conn.Close(); tracer.Close() }, nil
}

// proposal is what `propose --json` writes. Positions are "sequence.index".
type proposal struct {
	Verdict     string          `json:"verdict"`
	Status      string          `json:"status,omitempty"`
	Intent      string          `json:"intent"`
	IntentAt    string          `json:"intent_at,omitempty"`
	DecidedAt   string          `json:"decided_at,omitempty"`
	Claim       string          `json:"claim,omitempty"`
	OutcomeAt   string          `json:"outcome_at,omitempty"`
	Reasons     []string        `json:"reasons,omitempty"`
	Policies    []string        `json:"policies,omitempty"`
	Explanation string          `json:"explanation,omitempty"`
	Result      json.RawMessage `json:"result,omitempty"`
}

// proposed tells what became of a proposal; its error holds the exit code.
func (g *globals) proposed(out *agent.Outcome, err error) error {
	var refused *agent.Refused
	var not *agent.NotExecuted
	switch {
	case err == nil:
		return g.say(proposal{
			Verdict: "ALLOW", Status: "EXECUTED", Intent: out.Intent.String(), Claim: out.Claim.String(), OutcomeAt: out.At.String(), Result: asJSON(out.Result),
		}, "ALLOW, EXECUTED\n  intent   %s\n  claim    %s\n  outcome  %s\n  result   %s\n", out.Intent, out.Claim, out.At, printable(out.Result))
	case errors.As(err, &refused):
		codes := schemas.ReasonCodes(refused.Reasons)
		if err := g.say(proposal{
			Verdict: "DENY", Intent: refused.Intent.String(), IntentAt: refused.At.String(), DecidedAt: refused.DecidedAt.String(),
			Reasons: codes, Policies: refused.Policies, Explanation: refused.Explanation,
		}, "DENY %s\n  intent    %s at %s\n  decision  %s\n%s", strings.Join(codes, ", "), refused.Intent, refused.At, refused.DecidedAt, indent(refused.Explanation)); err != nil {
			return err
		}
		return silent(exitRefused)
	case errors.As(err, &not):
		status := strings.TrimPrefix(not.Status.String(), "STATUS_")
		code := schemas.ReasonCode(not.Reason)
		if err := g.say(proposal{
			Verdict: "ALLOW", Status: status, Intent: not.Intent.String(), Claim: not.Claim.String(), OutcomeAt: not.At.String(),
			Reasons: []string{code}, Explanation: not.Explanation,
		}, "ALLOW, %s %s\n  intent   %s\n  claim    %s\n  outcome  %s\n%s", status, code, not.Intent, not.Claim, not.At, indent(not.Explanation)); err != nil {
			return err
		}
		return silent(exitNotExecuted)
	default:
		return err
	}
}

// evaluated tells a verdict that nobody can act on; a DENY is what it is for a
// proposal.
func (g *globals) evaluated(e *agent.Evaluation, err error) error {
	if err != nil {
		return err
	}
	if !e.Allowed {
		return g.proposed(nil, &agent.Refused{Intent: e.Intent, At: e.At, DecidedAt: e.DecidedAt, Reasons: e.Reasons, Policies: e.Policies, Explanation: e.Explanation})
	}
	return g.say(proposal{
		Verdict: "ALLOW", Intent: e.Intent.String(), IntentAt: e.At.String(), DecidedAt: e.DecidedAt.String(), Policies: e.Policies, Explanation: e.Explanation,
	}, "ALLOW, for a decision only\n  intent    %s at %s\n  decision  %s\n%s", e.Intent, e.At, e.DecidedAt, indent(e.Explanation))
}

// asJSON is a result as a JSON value: itself when it is JSON, else a string.
func asJSON(data []byte) json.RawMessage {
	if len(data) == 0 || json.Valid(data) {
		return data
	}
	text, err := json.Marshal(string(data))
	if err != nil { // a string always has a JSON form
		return nil
	}
	return text
}

func printable(data []byte) string {
	if len(data) == 0 {
		return "(none)"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(data), "?"))
}

// indent sets an explanation below what it explains.
func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}

// toolOf is a tool of a release; nil if it has none of that name.
func toolOf(r *pb.Release, name string) *pb.Tool {
	for _, t := range r.GetTools() {
		if t.GetName() == name {
			return t
		}
	}
	return nil
}
