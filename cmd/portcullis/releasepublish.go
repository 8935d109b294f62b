package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

type publishFlags struct {
	planFlags
	wait time.Duration
}

func newReleasePublishCommand(g *globals) *cobra.Command {
	flags := &publishFlags{planFlags: planFlags{source: &policyFlags{g: g}}}
	c := &cobra.Command{
		Use:   "publish [FILE]",
		Short: "Put a signed plan, or what release/ says, in force",
		Long: `Appends a plan that enough governors have signed, after making sure that it takes
effect, and tells when each participant has adopted it. From its position on every
participant decides by it; what was allowed before and not yet claimed is void. The
same file again does nothing but say where it stands.

Without FILE it makes the next release of the source, compares it as diff does, and
signs it with the governors' keys that are in the data folder. If the ledger cannot
be reached then, nothing can be compared: --accept-widening signs it all the same, and
the ledger gets it at its next start.

JSON: {"event":"published","release","digest","position","already","on_ledger"}, "release" is 0 if nothing changed; then
{"event":"adopted","role","name","position","after_ms"} each, and {"event":"adoption","release","adopted","silent":[…]}`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(flags.replay.check(), flags.check(args)); err != nil {
				return err
			}
			return g.publish(c.Context(), args, flags)
		},
	}
	flags.replay.register(c)
	c.Flags().DurationVar(&flags.wait, "wait", 10*time.Second, "how long to wait for participants to adopt it; 0 for not at all")
	return withSource(c, flags.source)
}

func (p *publishFlags) check(args []string) error {
	if p.wait < 0 {
		return usage(errors.New("--wait cannot be negative"))
	}
	if len(args) > 0 && (p.source.dir != "" || p.replay != replayFlags{examples: p.replay.examples}) {
		return usage(errors.New("--release, --since and --accept-widening belong to a plan that is still to be made; leave them out, or leave out FILE"))
	}
	return nil
}

func (g *globals) publish(ctx context.Context, args []string, flags *publishFlags) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	var plan *fabric.Plan
	if len(args) > 0 {
		plan, err = fabric.ReadPlan(args[0])
	} else {
		plan, err = g.ownPlan(ctx, flags)
	}
	if errors.Is(err, errSignedUnseen) {
		return g.publishUnseen(f, flags)
	}
	if err != nil {
		return err
	}
	if plan == nil {
		return g.say(map[string]any{"event": "published", "release": 0, "on_ledger": false}, "nothing changed: %s says what is in force\n", flags.source.called())
	}
	broker, err := g.broker(f)
	if err != nil {
		return err
	}
	connecting, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	gov, err := zone.Govern(connecting, f, broker, log)
	if err != nil {
		return orUnreachable(err)
	}
	defer gov.Close()
	err = g.publishPlan(ctx, gov, plan, flags.wait)
	if errors.Is(err, zone.ErrUnsigned) && len(args) == 0 {
		return fmt.Errorf("%w; or write a file for them with portcullis release plan", err)
	}
	return err
}

func (g *globals) publishPlan(ctx context.Context, gov *zone.Governing, plan *fabric.Plan, wait time.Duration) error {
	watch, err := gov.WatchAdoptions()
	if err != nil {
		return err
	}
	defer watch.Close()
	appending, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	done, err := gov.PublishPlan(appending, plan)
	if err != nil {
		return orUnreachable(err)
	}
	s, word := done.Release, ""
	if done.Already {
		word = " already"
	}
	err = g.say(map[string]any{
		"event": "published", "release": plan.Version(), "digest": plan.ID.String(), "position": s.Position, "already": done.Already, "on_ledger": true,
	}, "release %d: on the ledger%s, at position %d\n", plan.Version(), word, s.Position)
	if err != nil || wait == 0 || done.Already { // adopted or not, that was earlier
		return err
	}
	return g.tellAdoptions(ctx, gov, watch, done, wait)
}

// tellAdoptions names each participant when it has adopted a release, and at
// the end those that were not heard to.
func (g *globals) tellAdoptions(ctx context.Context, gov *zone.Governing, watch *zone.AdoptionWatch, done zone.Published, wait time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	version, adopted := done.Release.Proto.GetVersion(), 0
	var telling error
	missing, err := watch.Await(waiting, gov, done.Release.Release, done.Release.LogTime, func(a zone.Adoption) {
		adopted++
		telling = errors.Join(telling, g.say(map[string]any{
			"event": "adopted", "role": trust.RoleName(a.ID.Role), "name": a.ID.Name, "position": a.Position, "after_ms": a.After.Milliseconds(),
		}, "%s adopted release %d after %d ms at position %d\n", a.ID.Name, version, a.After.Milliseconds(), a.Position))
	})
	if err = errors.Join(telling, err); err != nil {
		return err
	}
	names := make([]string, len(missing))
	for i, id := range missing {
		names[i] = id.Name
	}
	text := fmt.Sprintf("all %d participants have adopted it\n", adopted)
	if len(names) > 0 {
		text = fmt.Sprintf("not heard to adopt it within %s: %s\n", wait, strings.Join(names, ", "))
	}
	return g.say(map[string]any{"event": "adoption", "release": version, "adopted": adopted, "silent": orEmpty(names)}, "%s", text)
}

// errSignedUnseen says that a release is to be signed although the ledger cannot
// be reached.
var errSignedUnseen = errors.New("the ledger cannot be reached")

// ownPlan plans the next release and signs it with every governor's key that is
// here; nil when nothing changed.
func (g *globals) ownPlan(ctx context.Context, flags *publishFlags) (plan *fabric.Plan, err error) {
	err = g.reads(ctx, func(ctx context.Context, l *ledgerReader) error {
		if plan, err = g.planned(ctx, l, &flags.planFlags); err != nil || plan == nil {
			return err
		}
		return signHere(l, plan)
	})
	if exitOf(err) != exitUnreachable {
		return plan, err
	}
	if flags.replay.accept {
		return nil, errSignedUnseen
	}
	return nil, unreachable(fmt.Errorf("%w; start it with portcullis up, since what was recorded cannot be compared with the release without it, or sign it unseen with --accept-widening", err))
}

func signHere(l *ledgerReader, plan *fabric.Plan) error {
	keys, err := (&signFlags{}).signers(l.fabric, plan, l.releases.State)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := plan.Sign(key); err != nil {
			return err
		}
	}
	return nil
}

// publishUnseen adds the next release to the data folder's records alone: the
// ledger gets it when it is started next.
func (g *globals) publishUnseen(f *fabric.Fabric, flags *publishFlags) error {
	if flags.source.dir != "" {
		return usage(errors.New("--release needs the ledger; start it with portcullis up"))
	}
	if _, err := flags.source.faultless(f); err != nil {
		return err
	}
	record, err := f.Publish()
	if err != nil {
		return err
	}
	if record == nil {
		return g.say(map[string]any{"event": "published", "release": 0, "on_ledger": false}, "nothing changed: release/ says what is in force\n")
	}
	release, err := f.Release()
	if err != nil {
		return err
	}
	version := release.Proto.GetVersion()
	return g.say(map[string]any{"event": "published", "release": version, "digest": release.Digest.String(), "on_ledger": false},
		"release %d: the ledger cannot be reached now: it gets the release when it is started next\n", version)
}
