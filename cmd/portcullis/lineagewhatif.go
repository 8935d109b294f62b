package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/zone"
)

// whatIfFlags say which release is asked, and about what.
type whatIfFlags struct {
	release  string
	from, to uint64
	most     int
}

func newLineageWhatIfCommand(p *lineageFlags) *cobra.Command {
	flags := &whatIfFlags{}
	c := &cobra.Command{
		Use:   "whatif --release FOLDER|VERSION [INTENT]",
		Short: "What another release would have decided",
		Long: `Decides recorded intents again, as if another release had been in force all the time:
one whose source is in a folder, or one of the ledger by its version. Tells of one
intent, meant as in lineage intent, or of all in a range of positions, of which those
that would fare otherwise are listed. Halts, revocations and the time in which a release
holds stay the ledger's. Nothing is written. To check a release before it is published,
release diff does the same.

JSON: {"compared","counts":{"deny_to_allow","new_error","allow_to_deny","reasons"},"rounds":[{"change","same","position","round",
"agent","tool","resource","before":{"verdict","reasons","detail"},"after":{…}}],"underived"}`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.reads(c.Context(), false, func(ctx context.Context, l *lineageReader) error {
				return p.whatIf(ctx, l, strings.Join(args, ""), flags)
			})
		},
	}
	c.Flags().StringVar(&flags.release, "release", "", "folder of a release's source, or a version on the ledger")
	c.Flags().Uint64Var(&flags.from, "from", 0, "intents from this position on")
	c.Flags().Uint64Var(&flags.to, "to", 0, "intents up to this position")
	c.Flags().IntVar(&flags.most, "limit", 20, "how many changes to list")
	required(c, "release")
	return c
}

func (p *lineageFlags) whatIf(ctx context.Context, l *lineageReader, intent string, flags *whatIfFlags) error {
	candidate, err := p.candidate(ctx, l, flags.release)
	if err != nil {
		return err
	}
	cfg := zone.WhatIfConfig{Candidate: candidate, Last: l.last, From: flags.from, To: flags.to, Most: flags.most}
	if intent != "" {
		if cfg.Of, err = l.positions(ctx, intent); err != nil {
			return err
		}
	}
	told, err := zone.AskWhatIf(ctx, l.source, cfg)
	if err != nil {
		return err
	}
	return p.tell(told, func() string { return whatIfText(told) }, nil)
}

// candidate is a release of the ledger, or what a folder would be as the next one.
func (p *lineageFlags) candidate(ctx context.Context, l *lineageReader, which string) (*governance.Release, error) {
	releases, err := l.releases(ctx)
	if err != nil {
		return nil, err
	}
	version, err := strconv.ParseUint(which, 10, 64)
	if err != nil {
		return candidateOf(&policyFlags{g: p.g, dir: which}, releases.InForce(), releases.LogTime)
	}
	standing, err := releases.Version(version)
	return standing.Release, err
}

// positions are where an intent stands.
func (l *lineageReader) positions(ctx context.Context, text string) ([]ledger.Position, error) {
	h, err := l.history(ctx)
	if err != nil {
		return nil, err
	}
	digest, err := h.Find(text)
	if err != nil {
		return nil, err
	}
	in, stands := h.Intent(digest)
	if !stands {
		return nil, fmt.Errorf("intent %s is named on the ledger and does not stand there; name one that does", digest.Short())
	}
	var all []ledger.Position
	for _, at := range append([]string{in.Position}, in.Resent...) {
		one, err := ledger.ParsePosition(at)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func whatIfText(w *zone.WhatIf) string {
	var b strings.Builder
	for _, r := range w.Rounds {
		if !r.Same {
			b.WriteString(exampleText(r.Example))
			continue
		}
		fmt.Fprintf(&b, "the same at %s: %s %s %q\n  %s\n", r.Position, r.Agent, r.Tool, r.Resource, verdictText(r.Before))
	}
	words := make([]string, 0, len(changeWords))
	for _, change := range zone.Changes() {
		words = append(words, fmt.Sprintf("%d %s", w.Counts[change], changeWords[change]))
	}
	fmt.Fprintf(&b, "decided %s again: %s\n", plural(w.Compared, "recorded decision"), strings.Join(words, ", "))
	return b.String() + underivedText(w.Underived)
}
