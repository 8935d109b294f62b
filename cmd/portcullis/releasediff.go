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
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// ledgerReader is a connection that reads, and what it read of releases.
type ledgerReader struct {
	fabric   *fabric.Fabric
	conn     *streams.Conn
	releases *zone.Releases
}

// replayFlags say what is compared and what is accepted.
type replayFlags struct {
	since    time.Duration
	examples int
	accept   bool
}

func (r *replayFlags) register(c *cobra.Command) {
	c.Flags().DurationVar(&r.since, "since", 0, "compare the intents of this long before the ledger's newest record only (default all)")
	c.Flags().IntVar(&r.examples, "examples", 5, "how many intents to show of each kind of change")
	c.Flags().BoolVar(&r.accept, "accept-widening", false, "accept that intents which were denied would be allowed")
}

func (r *replayFlags) check() error {
	if r.since < 0 || r.examples < 0 {
		return usage(errors.New("--since and --examples cannot be negative"))
	}
	return nil
}

func newReleaseDiffCommand(g *globals) *cobra.Command {
	source, flags := &policyFlags{g: g}, &replayFlags{}
	c := &cobra.Command{
		Use:   "diff",
		Short: "Compare the source with the release in force, and replay recorded intents",
		Long: `Compares the source with the release in force on the ledger, then decides every
recorded intent by the source as well as by the release that was in force where it
stands, and tells how many would fare otherwise, with examples. Decisions that may rest
on sealed arguments are passed over and counted ("sealed").
Exits with 3 when the source would allow what was denied, unless --accept-widening.
Nothing is written.

JSON: {"event":"difference","path","before","after","lines":[…]} each; {"event":"replayed_example","change":
"deny_to_allow"|"new_error"|"allow_to_deny"|"reasons","position","round","agent","tool","resource","before":{"verdict","reasons":[…],"detail"},"after"}
each; then {"event":"compared","release","in_force","compared","counts":{…},"sealed","accepted"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return g.reads(c.Context(), func(ctx context.Context, l *ledgerReader) error {
				candidate, err := l.candidate(source)
				if err != nil {
					return err
				}
				return g.compare(ctx, l, candidate, flags)
			})
		},
	}
	flags.register(c)
	return withSource(c, source)
}

// candidate is what the source would be as the next release.
func (l *ledgerReader) candidate(p *policyFlags) (*governance.Release, error) {
	return candidateOf(p, l.releases.InForce(), l.fabric.Clock())
}

// candidateOf is what a source would be, at a time, as the release behind another.
func candidateOf(p *policyFlags, current zone.StandingRelease, now time.Time) (*governance.Release, error) {
	source, err := p.source()
	if err != nil {
		return nil, err
	}
	built, err := source.Build(fabric.BuildParams{
		Version: current.Proto.GetVersion() + 1, Replaces: current.Digest, Now: now,
		Governors: current.Proto.GetGovernors(), Issuers: current.Proto.GetIssuers(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s does not hold together:\n%w", p.called(), err)
	}
	return governance.NewRelease(trust.Digest{}, built)
}

// compare tells in what a candidate differs from the release in force, and what
// that would have meant for the recorded intents. It refuses a candidate that
// would allow what was denied.
func (g *globals) compare(ctx context.Context, l *ledgerReader, candidate *governance.Release, flags *replayFlags) error {
	current := l.releases.InForce()
	if err := g.tellDifferences(fabric.Differences(current.Proto, candidate.Proto)); err != nil {
		return err
	}
	cfg := zone.ReplayConfig{Candidate: candidate, Last: l.releases.Last, Examples: flags.examples}
	if flags.since > 0 {
		cfg.From = l.releases.LogTime.Add(-flags.since)
	}
	replayed, err := zone.Replay(ctx, l.fabric, l.conn, cfg)
	if err != nil {
		return err
	}
	if err := g.tellReplayed(current, candidate, replayed, flags.accept); err != nil {
		return err
	}
	if n := replayed.Counts[zone.ChangeWidened]; n > 0 && !flags.accept {
		return &failure{exitRefused, fmt.Errorf("what was denied would be allowed, in %s; if that is meant, say so with --accept-widening", plural(n, "recorded decision"))}
	}
	return nil
}

type differenceLine struct {
	Event string `json:"event"`
	fabric.Difference
}

func (g *globals) tellDifferences(all []fabric.Difference) error {
	for _, d := range all {
		if err := g.say(differenceLine{"difference", d}, "%s\n", d); err != nil {
			return err
		}
	}
	if len(all) == 0 && !g.json {
		fmt.Fprintln(g.stdout, "the source says what the release in force says")
	}
	return nil
}

type exampleLine struct {
	Event string `json:"event"`
	zone.Example
}

// changeWords name the changes for people.
var changeWords = map[zone.Change]string{
	zone.ChangeWidened: "deny→allow", zone.ChangeErrors: "new error", zone.ChangeNarrowed: "allow→deny", zone.ChangeReasoning: "other reasons",
}

func (g *globals) tellReplayed(current zone.StandingRelease, candidate *governance.Release, r *zone.Replayed, accepted bool) error {
	for _, change := range zone.Changes() {
		for _, e := range r.Examples {
			if e.Change != change {
				continue
			}
			if err := g.say(exampleLine{"replayed_example", e}, "%s", exampleText(e)); err != nil {
				return err
			}
		}
	}
	counts, words := map[zone.Change]int{}, make([]string, 0, len(changeWords))
	for _, change := range zone.Changes() {
		counts[change] = r.Counts[change]
		words = append(words, fmt.Sprintf("%d %s", r.Counts[change], changeWords[change]))
	}
	return g.say(map[string]any{
		"event": "compared", "release": candidate.Proto.GetVersion(), "in_force": current.Proto.GetVersion(),
		"compared": r.Compared, "counts": counts, "sealed": r.Sealed, "accepted": accepted,
	}, "replayed %s as release %d instead of what was in force: %s\n%s",
		plural(r.Compared, "recorded decision"), candidate.Proto.GetVersion(), strings.Join(words, ", "), underivedText(r.Sealed))
}

// underivedText says what nobody can compare.
func underivedText(n int) string {
	if n == 0 {
		return ""
	}
	return plural(n, "decision") + " cannot be derived again: arguments are sealed\n"
}

func exampleText(e zone.Example) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s", changeWords[e.Change], e.Position)
	if e.Round > 0 {
		fmt.Fprintf(&b, ", round %d", e.Round)
	}
	fmt.Fprintf(&b, ": %s %s %q\n", e.Agent, e.Tool, e.Resource)
	fmt.Fprintf(&b, "  was      %s\n  would be %s\n", verdictText(e.Before), verdictText(e.After))
	if e.After.Detail != "" {
		b.WriteString(indent(e.After.Detail))
	}
	return b.String()
}

func verdictText(v zone.Verdict) string {
	return strings.TrimSpace(v.Verdict + " " + strings.Join(v.Reasons, ", "))
}
