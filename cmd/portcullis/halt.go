package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/zone"
)

// governWithin bounds how long a governor's record may take to be acknowledged.
const governWithin = 10 * time.Second

func newHaltCommand(g *globals) *cobra.Command {
	var scope, reason string
	c := &cobra.Command{
		Use:   "halt --reason TEXT [--scope SCOPE]",
		Short: "Stop: deny everything in scope from now on",
		Long: `Signs a halt with the governors' keys of this data folder and appends it. Returns
when the ledger has acknowledged it: every claim that the ledger orders after it
is void on every executor, and running actions in scope are interrupted. Nothing
resumes by itself; see portcullis resume.

SCOPE is global (the default), zone, tool:NAME, agent:NAME or session:AGENT#SESSION.

JSON: {"event":"halted","halt","scope","position"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.halt(c.Context(), scope, reason) },
	}
	c.Flags().StringVar(&scope, "scope", "global", "what is halted")
	c.Flags().StringVar(&reason, "reason", "", "why, for everybody to read on the ledger (required)")
	return c
}

func (g *globals) halt(ctx context.Context, text, reason string) error {
	if reason == "" {
		return usage(errors.New("say why with --reason"))
	}
	return g.govern(ctx, func(ctx context.Context, gov *zone.Governing, trustDomain, zoneName string) error {
		scope, err := governance.ParseScope(text, trustDomain, zoneName)
		if err != nil {
			return usage(err)
		}
		seq, id, err := gov.Halt(ctx, scope, reason)
		if err != nil {
			return err
		}
		spelt := governance.ScopeString(scope)
		return g.say(map[string]any{"event": "halted", "halt": id.String(), "scope": spelt, "position": seq},
			"halted %s at ledger position %d\nlift it with: portcullis resume %s --reason TEXT\n", spelt, seq, id.Short())
	})
}

func newResumeCommand(g *globals) *cobra.Command {
	var all bool
	var reason string
	c := &cobra.Command{
		Use:   "resume (HALT … | --all) --reason TEXT",
		Short: "Lift halts and trips",
		Long: `Signs a resume with the governors' keys of this data folder and appends it. HALT is
the beginning of a halt's id, at least four digits. Without HALT and --all the
halts in force are listed.

JSON: {"event":"resumed","halts":[…],"position"}, or one object for each halt in
force: {"halt","scope","reason","rule","position"}`,
		RunE: func(c *cobra.Command, args []string) error { return g.resume(c.Context(), args, all, reason) },
	}
	c.Flags().BoolVar(&all, "all", false, "lift every halt and trip in force")
	c.Flags().StringVar(&reason, "reason", "", "why, for everybody to read on the ledger (required)")
	return c
}

func (g *globals) resume(ctx context.Context, names []string, all bool, reason string) error {
	return g.govern(ctx, func(ctx context.Context, gov *zone.Governing, _, _ string) error {
		state, err := gov.State(ctx)
		if err != nil {
			return err
		}
		if len(names) == 0 && !all {
			return g.tellHalts(state.Halts())
		}
		if reason == "" {
			return usage(errors.New("say why with --reason"))
		}
		ids, err := named(state.Halts(), names, all)
		if err != nil {
			return usage(err)
		}
		seq, err := gov.Resume(ctx, ids, reason)
		if err != nil {
			return err
		}
		return g.say(map[string]any{"event": "resumed", "halts": texts(ids), "position": seq},
			"lifted %d of %d halts at ledger position %d\n", len(ids), len(state.Halts()), seq)
	})
}

func (g *globals) tellHalts(halts []governance.Halt) error {
	if len(halts) == 0 && !g.json {
		fmt.Fprintln(g.stdout, "nothing is halted")
	}
	for _, h := range halts {
		scope := governance.ScopeString(h.Scope)
		object := map[string]any{"halt": h.ID.String(), "scope": scope, "reason": h.Reason, "rule": h.Rule, "position": h.Sequence}
		if err := g.say(object, "%s  at %d  %s  %q\n", h.ID.Short(), h.Sequence, scope, h.Reason); err != nil {
			return err
		}
	}
	return nil
}

// named finds the halts that are meant; each name must mean exactly one.
func named(halts []governance.Halt, names []string, all bool) ([]trust.Digest, error) {
	const shortest = 4
	var ids []trust.Digest
	if all {
		names = nil
		for _, h := range halts {
			names = append(names, h.ID.String())
		}
	}
	for _, name := range names {
		var found []trust.Digest
		for _, h := range halts {
			if len(name) >= shortest && strings.HasPrefix(h.ID.String(), name) {
				found = append(found, h.ID)
			}
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("%q means %d halts in force; list them with portcullis resume", name, len(found))
		}
		ids = append(ids, found[0])
	}
	if len(ids) == 0 {
		return nil, errors.New("nothing is halted")
	}
	return ids, nil
}

func texts(ids []trust.Digest) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}

// govern runs one act of governance on the ledger.
func (g *globals) govern(ctx context.Context, act func(ctx context.Context, gov *zone.Governing, trustDomain, zoneName string) error) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	broker, err := g.broker(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	gov, err := zone.Govern(ctx, f, broker, log)
	if err != nil {
		return orUnreachable(err)
	}
	defer gov.Close()
	return orUnreachable(act(ctx, gov, f.TrustDomain, f.Zone))
}
