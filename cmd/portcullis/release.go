package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

func newReleaseCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "release", Short: "Put what release/ says in force"}
	c.AddCommand(newReleasePublishCommand(g))
	return c
}

func newReleasePublishCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "publish",
		Short: "Sign the next release from release/ and append it",
		Long: `Makes the next release of the source in the data folder's release/, signs it with
the governors' keys that are there, and appends it. Refuses a source that lint or
the policy tests find fault with. A ledger that cannot be reached gets the release
at its next start. From its position on every participant decides by it; what was
allowed before and not yet claimed is void.

JSON: {"event":"published","release","on_ledger"}; "release" is 0 if nothing changed`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.publish(c.Context()) },
	}
}

func (g *globals) publish(ctx context.Context) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	if err := faultless(f); err != nil {
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
	broker, err := g.broker(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	state := "on the ledger"
	onLedger := zone.Found(ctx, f, broker, log) == nil
	if !onLedger {
		state = "the ledger cannot be reached now: it gets the release when it is started next"
	}
	version := release.Proto.GetVersion()
	return g.say(map[string]any{"event": "published", "release": version, "on_ledger": onLedger}, "release %d: %s\n", version, state)
}

// faultless refuses a source that lint or its own tests find fault with.
func faultless(f *fabric.Fabric) error {
	source, err := fabric.LoadReleaseDir(f.ReleaseDir())
	if err != nil {
		return err
	}
	findings, err := source.Lint()
	if err != nil {
		return err
	}
	for _, one := range findings {
		if one.Severity == policy.SeverityError {
			return fmt.Errorf("release/ does not lint: %s; see portcullis policy lint", one)
		}
	}
	report, err := source.Test(f.TrustDomain, f.Zone)
	if err != nil {
		return err
	}
	if !report.Passed() || len(report.Uncovered)+len(report.Unguarded) > 0 {
		return errors.New("the policy tests of release/ fail, or leave a policy untested; see portcullis policy test")
	}
	return nil
}
