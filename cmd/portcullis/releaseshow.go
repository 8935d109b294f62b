package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

type showReleaseFlags struct {
	version uint64
	out     string
	keep    bool
}

func newReleaseShowCommand(g *globals) *cobra.Command {
	flags := &showReleaseFlags{}
	c := &cobra.Command{
		Use:   "show [--version N]",
		Short: "Show the release in force on the ledger, or an earlier one",
		Long: `Shows the release in force on the ledger, or another by its version: since when,
who signed it, how long it holds. --keep adds the releases that the ledger has and
this data folder lacks to the folder's records: those published from elsewhere.

JSON: {"event":"release","release","digest","position","log_time","epoch","in_force","signed_by":[…],"needed","not_before",
"expires","durability","decision_threshold","tools","directory","policies","limits","note","kept"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.reads(c.Context(), func(_ context.Context, l *ledgerReader) error { return g.showRelease(l, flags) })
		},
	}
	c.Flags().Uint64Var(&flags.version, "version", 0, "the release with this version (default the one in force)")
	c.Flags().StringVar(&flags.out, "out", "", "write its policies into this new folder")
	c.Flags().BoolVar(&flags.keep, "keep", false, "keep what this data folder lacks")
	return c
}

func (g *globals) showRelease(l *ledgerReader, flags *showReleaseFlags) error {
	s := l.releases.InForce()
	if flags.version > 0 {
		var err error
		if s, err = l.releases.Version(flags.version); err != nil {
			return err
		}
	}
	kept := 0
	if flags.keep {
		var err error
		if kept, err = l.fabric.Keep(l.releases.Envelopes()); err != nil {
			return err
		}
	}
	if flags.out != "" {
		if err := writePolicies(flags.out, s); err != nil {
			return err
		}
	}
	return g.tellRelease(l.releases, s, kept)
}

// durabilityWord is how release.yaml spells it.
func durabilityWord(d pb.Durability) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(d.String(), "DURABILITY_"), "_UNSPECIFIED"))
}

func (g *globals) tellRelease(r *zone.Releases, s zone.StandingRelease, kept int) error {
	p := s.Proto
	if g.json {
		return writeJSON(g.stdout, map[string]any{
			"event": "release", "release": p.GetVersion(), "digest": s.Digest.String(), "position": s.Position, "log_time": s.LogTime.UTC(),
			"epoch": s.Epoch, "in_force": s.Digest == r.InForce().Digest, "signed_by": orEmpty(s.SignedBy), "needed": p.GetThresholds().GetRelease(),
			"not_before": p.GetNotBefore().AsTime(), "expires": p.GetExpires().AsTime(),
			"durability": durabilityWord(p.GetDurability()), "decision_threshold": p.GetDecisionThreshold(),
			"tools": len(p.GetTools()), "directory": len(p.GetDirectory()), "policies": len(p.GetPolicies()), "limits": len(p.GetLimits()),
			"note": p.GetNote(), "kept": kept,
		})
	}
	fmt.Fprintf(g.stdout, "release %d, %s, at ledger position %d\n", p.GetVersion(), inForceWord(r, s), s.Position)
	fmt.Fprintf(g.stdout, "  digest     %s\n  log time   %s\n  epoch      %d\n", s.Digest, s.LogTime.UTC().Format(time.RFC3339), s.Epoch)
	fmt.Fprintf(g.stdout, "  signed by  %s; the next one needs %d of %d\n", strings.Join(s.SignedBy, ", "), p.GetThresholds().GetRelease(), len(p.GetGovernors()))
	fmt.Fprintf(g.stdout, "  valid      %s to %s\n", p.GetNotBefore().AsTime().Format(time.RFC3339), p.GetExpires().AsTime().Format(time.RFC3339))
	fmt.Fprintf(g.stdout, "  holds      %s\n", holds(s.Release))
	if p.GetNote() != "" {
		fmt.Fprintf(g.stdout, "  note       %s\n", p.GetNote())
	}
	if kept > 0 {
		fmt.Fprintf(g.stdout, "kept %s that this data folder lacked\n", plural(kept, "release"))
	}
	return nil
}
