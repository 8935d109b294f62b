package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

func newReleaseCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "release",
		Short: "Check, compare, plan, sign and publish what release/ says",
		Long: `Takes a release from its readable source to the ledger:

  lint, test    is the source right in itself?
  diff          what would change, and which recorded intents would fare otherwise?
  plan          write the next release into a file, for governors to sign
  sign          add signatures, file by file; needs no ledger
  publish       put it in force, and see who adopts it
  show          what is in force

Where all governors' keys are in one data folder, publish without a file does
plan, sign and publish in one.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	lint, test := &policyFlags{g: g}, &policyFlags{g: g}
	c.AddCommand(
		withSource(newPolicyLintCommand(lint), lint), withSource(newPolicyCasesCommand(test), test),
		newReleaseDiffCommand(g), newReleasePlanCommand(g), newReleaseSignCommand(g),
		newReleasePublishCommand(g), newReleaseShowCommand(g),
	)
	return c
}

// withSource lets a command name another source than release/ in the data folder.
func withSource(c *cobra.Command, p *policyFlags) *cobra.Command {
	c.Flags().StringVar(&p.dir, "release", "", "folder of the release's source (default release/ in the data folder)")
	return c
}

// faultless reads a source and refuses one that lint or its own tests find fault
// with.
func (p *policyFlags) faultless(f *fabric.Fabric) (*fabric.ReleaseSource, error) {
	source, err := p.source()
	if err != nil {
		return nil, err
	}
	findings, err := source.Lint()
	if err != nil {
		return nil, err
	}
	for _, one := range findings {
		if one.Severity == policy.SeverityError {
			return nil, fmt.Errorf("%s does not lint: %s; see portcullis release lint", p.called(), one)
		}
	}
	report, err := source.Test(f.TrustDomain, f.Zone)
	if err != nil {
		return nil, err
	}
	if !report.Passed() || len(report.Uncovered)+len(report.Unguarded) > 0 {
		return nil, fmt.Errorf("the policy tests of %s fail, or leave a policy untested; see portcullis release test", p.called())
	}
	return source, nil
}

// called is the source's folder as people know it.
func (p *policyFlags) called() string {
	if p.dir == "" {
		return "release/"
	}
	return p.dir
}

// reads runs what only reads the ledger's releases.
func (g *globals) reads(ctx context.Context, act func(ctx context.Context, l *ledgerReader) error) error {
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	reading, cancel := context.WithTimeout(ctx, governWithin)
	defer cancel()
	releases, err := zone.ReadReleases(reading, f, conn)
	if err != nil {
		return orUnreachable(err)
	}
	return act(ctx, &ledgerReader{f, conn, releases})
}

// inForceWord says how a standing release relates to the newest.
func inForceWord(r *zone.Releases, s zone.StandingRelease) string {
	if s.Digest == r.InForce().Digest {
		return "in force"
	}
	return "replaced"
}

// holds says in a line what a release holds.
func holds(r *governance.Release) string {
	p := r.Proto
	return fmt.Sprintf("%s, %d in the directory, %s of policies, %s, k %d",
		plural(len(p.GetTools()), "tool"), len(p.GetDirectory()), plural(len(p.GetPolicies()), "file"), plural(len(p.GetLimits()), "limit"), p.GetDecisionThreshold())
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// voteText says how far signing has come, and who is missing.
func voteText(v fabric.Vote) string {
	text := fmt.Sprintf("%d of %d that must", len(v.Signed), v.Needed)
	if len(v.Signed) > 0 {
		text += ": " + strings.Join(v.Signed, ", ")
	}
	if !v.Enough() {
		text += "; not yet: " + strings.Join(v.Missing, ", ")
	}
	return text
}

// voteObject is a vote in JSON.
type voteObject struct {
	Needed  int      `json:"needed"`
	Signed  []string `json:"signed"`
	Missing []string `json:"missing"`
}

func voteJSON(v fabric.Vote) voteObject {
	return voteObject{v.Needed, orEmpty(v.Signed), orEmpty(v.Missing)}
}

// keyed names a key for people.
func keyed(id trust.KeyID) string { return id.String()[:16] }
