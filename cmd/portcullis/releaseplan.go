package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
)

type planFlags struct {
	source *policyFlags
	replay replayFlags
	out    string
	force  bool
}

func newReleasePlanCommand(g *globals) *cobra.Command {
	flags := &planFlags{source: &policyFlags{g: g}}
	c := &cobra.Command{
		Use:   "plan [--out FILE]",
		Short: "Write the next release into a file, for governors to sign",
		Long: `Makes the release that follows the one in force on the ledger, of a source that
lint and its tests find no fault with, compares them as diff does, and writes it
into one file that governors sign: see portcullis release sign. Refuses, with exit
code 3, to allow what was denied, unless --accept-widening. Without the ledger
there is nothing to compare with, so nothing is planned.

The file is an Envelope (schemas/portcullis/v1/envelope.proto) in binary protobuf: a
governance record without signatures, mode 0600. It holds no secret.

JSON: what diff writes; then {"event":"planned","release","digest","file","not_before","expires"}; "release" is 0 if nothing changed`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.plan(c.Context(), flags) },
	}
	flags.replay.register(c)
	c.Flags().StringVar(&flags.out, "out", "", "file to write (default release-VERSION.plan here)")
	c.Flags().BoolVar(&flags.force, "force", false, "replace the file if it exists")
	return withSource(c, flags.source)
}

func (g *globals) plan(ctx context.Context, flags *planFlags) error {
	if err := flags.replay.check(); err != nil {
		return err
	}
	return g.reads(ctx, func(ctx context.Context, l *ledgerReader) error {
		plan, err := g.planned(ctx, l, flags)
		if err != nil {
			return err
		}
		if plan == nil {
			return g.say(map[string]any{"event": "planned", "release": 0}, "nothing changed: %s says what is in force\n", flags.source.called())
		}
		path := flags.out
		if path == "" {
			path = fmt.Sprintf("release-%d.plan", plan.Version())
		}
		if err := plan.Write(path, flags.force); errors.Is(err, fs.ErrExist) {
			return &failure{exitLocalState, fmt.Errorf("%s exists; name another file with --out, or replace it with --force", path)}
		} else if err != nil {
			return err
		}
		p := plan.Release.Proto
		return g.say(map[string]any{
			"event": "planned", "release": plan.Version(), "digest": plan.ID.String(), "file": path,
			"not_before": p.GetNotBefore().AsTime(), "expires": p.GetExpires().AsTime(),
		}, "planned release %d (%s) in %s\nnext: portcullis release sign%s %s\n", plan.Version(), plan.ID.Short(), path, g.dataFlag(), path)
	})
}

// planned is the next release, compared with the one in force; nil when nothing
// changed.
func (g *globals) planned(ctx context.Context, l *ledgerReader, flags *planFlags) (*fabric.Plan, error) {
	source, err := flags.source.faultless(l.fabric)
	if err != nil {
		return nil, err
	}
	if _, err := l.fabric.Keep(l.releases.Envelopes()); err != nil { // whoever signs here must know what is replaced
		return nil, err
	}
	plan, err := l.fabric.Plan(source, l.releases.InForce().Release)
	if err != nil || plan == nil {
		return nil, err
	}
	// The newest record may be old, so only a clock behind it is surely wrong.
	if behind := l.releases.LogTime.Sub(l.fabric.Clock()); behind > time.Minute {
		return nil, &failure{exitLocalState, fmt.Errorf("this machine's clock is %s behind the ledger; set it right and plan again", behind.Round(time.Second))}
	}
	return plan, g.compare(ctx, l, plan.Release, &flags.replay)
}
