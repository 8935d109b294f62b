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
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// resumeFlags are one resume, or one step of a resume that several sign.
type resumeFlags struct {
	all, preview, local       bool
	reason, out, sign, submit string
	keys                      []string
	wait                      time.Duration
}

func newResumeCommand(g *globals) *cobra.Command {
	var flags resumeFlags
	c := &cobra.Command{
		Use:   "resume (HALT … | --all) --reason TEXT",
		Short: "Lift halts and trips",
		Long: `Shows what lifting halts would allow again, signs a resume with the governors' keys
of this data folder, makes sure that it would take effect, appends it, and waits
until the executors are armed again. HALT is the beginning of a halt's id, at
least four digits. Without HALT and --all the halts in force are listed. --preview
shows and ends.

Where the release demands more governors than have keys here, a file is written
instead. The others sign it, on their machines and without a ledger, which shows
them what it lifts; then somebody submits it:

  portcullis resume --sign FILE
  portcullis resume --submit FILE

--local lifts the brake that portcullis halt --local has pulled on this machine.

A trip of rule checkpoint.fork is lifted when governors have signed for what the
ledger lost, and not before: see portcullis loss.

Exit code 8: it took effect, and not every executor is armed in time.

JSON: one object for each halt in force: {"halt","scope","reason","rule","subject","position","age_ms"}; {"event":"preview","halts":[…],
"allowed_again":[{"agent","session","tools"}],"denied","denied_all_counted","trips_again":[…]}; {"event":"signed","file","needed",
"signed":[…],"missing":[…]}; {"event":"resumed","halts":[…],"position"}; {"event":"armed","executor","after_ms"};
{"event":"unarmed","executor","why"}; with --local {"event":"unbraked","was","archive"}`,
		RunE: func(c *cobra.Command, args []string) error { return g.resume(c.Context(), args, flags) },
	}
	c.Flags().BoolVar(&flags.all, "all", false, "lift every halt and trip in force")
	c.Flags().StringVar(&flags.reason, "reason", "", "why, for everybody to read on the ledger (required)")
	c.Flags().BoolVar(&flags.preview, "preview", false, "show what would be allowed again, and end")
	c.Flags().StringVar(&flags.out, "out", "", "file to write where more governors must sign (default in the data folder)")
	c.Flags().StringVar(&flags.sign, "sign", "", "sign the resume in this file with the keys of this data folder; needs no ledger")
	c.Flags().StringArrayVar(&flags.keys, "key", nil, "with --sign: the key in this file instead, PKCS #8 in PEM (repeatable)")
	c.Flags().StringVar(&flags.submit, "submit", "", "append the resume in this file, which enough governors have signed")
	c.Flags().DurationVar(&flags.wait, "wait", confirmWithin, "how long executors may take to arm again")
	c.Flags().BoolVar(&flags.local, "local", false, "lift this machine's brake; needs no ledger")
	c.MarkFlagsMutuallyExclusive("all", "sign", "submit", "local")
	c.MarkFlagsMutuallyExclusive("preview", "sign", "submit", "local")
	return c
}

func (g *globals) resume(ctx context.Context, names []string, flags resumeFlags) error {
	step := flags.sign != "" || flags.submit != "" || flags.local
	switch {
	case len(names) > 0 && (step || flags.all):
		return usage(errors.New("halts are named, and a flag says which; give one of both"))
	case flags.wait < 0:
		return usage(errors.New("--wait is less than nothing; give for example 10s, or 0 to wait for nobody"))
	case len(flags.keys) > 0 && flags.sign == "":
		return usage(errors.New("--key says with what to sign a file; name that with --sign"))
	case flags.local:
		return g.resumeLocal(flags.reason)
	case flags.sign != "":
		return g.resumeSign(flags.sign, flags.keys)
	case flags.submit != "":
		return g.resumeSubmit(ctx, flags)
	default:
		return g.resumeNamed(ctx, names, flags)
	}
}

func (g *globals) resumeNamed(ctx context.Context, names []string, flags resumeFlags) error {
	return g.govern(ctx, func(within context.Context, f *fabric.Fabric, gov *zone.Governing) error {
		state, err := gov.State(within)
		if err != nil {
			return err
		}
		if len(names) == 0 && !flags.all {
			return g.tellHalts(f, state.Halts())
		}
		if flags.reason == "" && !flags.preview {
			return usage(errors.New("say why with --reason"))
		}
		ids, err := named(state.Halts(), names, flags.all)
		if err != nil {
			return usage(err)
		}
		r := &resuming{g: g, f: f, gov: gov, ids: ids}
		return r.run(ctx, within, flags)
	})
}

// resuming lifts some halts.
type resuming struct {
	g        *globals
	f        *fabric.Fabric
	gov      *zone.Governing
	ids      []trust.Digest
	observer *zone.Observer
	halted   int // halts in force before
}

func (r *resuming) run(ctx, within context.Context, flags resumeFlags) (err error) {
	if r.observer, err = zone.Observe(ctx, zone.ObserveConfig{Fabric: r.f, Conn: r.gov.Conn(), Back: zone.PulseBack, Heartbeats: true}); err != nil {
		return err
	}
	defer r.observer.Close()
	preview, err := r.preview(within)
	if err != nil || flags.preview {
		return err
	}
	if err := r.observer.CheckForks(within, preview.Halts); err != nil {
		return err
	}
	data, err := r.gov.Sign(zone.ResumeRecord(r.ids, flags.reason))
	if err != nil {
		return err
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return err
	}
	vote := zone.ResumeVote(preview.State, env)
	if err := r.g.warnOfKeys(r.f, env, vote); err != nil {
		return err
	}
	if !vote.Enough() {
		file := newResumeFile(data, preview.Payloads)
		file.signed = env
		text, err := file.bytes()
		if err != nil {
			return err
		}
		return r.g.writeRecord(resumeTravels, r.f, flags.out, &file.halfSignedRecord, text, vote)
	}
	return r.submit(ctx, within, data, flags.wait)
}

// submit appends a resume, if it would take effect, and waits for executors.
func (r *resuming) submit(ctx, within context.Context, data []byte, wait time.Duration) error {
	if err := r.gov.Try(within, data); err != nil {
		return err
	}
	sent, err := r.gov.Send(within, data)
	if err != nil {
		return err
	}
	if _, err := r.observer.Effective(within, sent); err != nil {
		return err
	}
	err = r.g.say(map[string]any{"event": "resumed", "halts": texts(r.ids), "position": sent.Seq},
		"lifted %d of %d halts at ledger position %d\n", len(r.ids), r.halted, sent.Seq)
	if err != nil || wait == 0 {
		return err
	}
	return r.arm(ctx, sent, wait)
}

func (g *globals) resumeLocal(reason string) error {
	if reason == "" {
		return usage(errors.New("say why with --reason"))
	}
	dir, err := g.dir()
	if err != nil {
		return err
	}
	brake, err := fabric.OpenBrake(dir)
	if err != nil {
		return err
	}
	was, archive, err := brake.Lift(reason, time.Now())
	if err != nil {
		return &failure{exitLocalState, err}
	}
	return g.say(map[string]any{"event": "unbraked", "was": was, "archive": archive},
		"the brake is off; it said: %s\nit is kept as %s\n", was, archive)
}

func (g *globals) tellHalts(f *fabric.Fabric, halts []governance.Halt) error {
	if len(halts) == 0 && !g.json {
		fmt.Fprintln(g.stdout, "nothing is halted")
	}
	for _, h := range halts {
		if err := g.say(haltJSON(f, h), "%s\n", haltText(f, h)); err != nil {
			return err
		}
	}
	return nil
}

// haltText is a halt or a trip in a line.
func haltText(f *fabric.Fabric, h governance.Halt) string {
	what := governance.ScopeString(h.Scope)
	if h.Rule != "" {
		what += fmt.Sprintf("  trip %s of %s", h.Rule, quoted(h.Subject))
	}
	return fmt.Sprintf("%s  at %d  %s  %s  %s ago", h.ID.Short(), h.Sequence, what, quoted(h.Reason), span(f.Clock().Sub(h.Time)))
}

func haltJSON(f *fabric.Fabric, h governance.Halt) map[string]any {
	return map[string]any{
		"halt": h.ID.String(), "scope": governance.ScopeString(h.Scope), "reason": h.Reason, "rule": h.Rule, "subject": h.Subject,
		"position": h.Sequence, "age_ms": millis(f.Clock().Sub(h.Time)),
	}
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
