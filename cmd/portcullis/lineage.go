package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// lineageFlags are what all questions about lineage share.
type lineageFlags struct {
	g       *globals
	format  string
	intents int
	file    exportFile
}

// Formats of answers.
const (
	formatText = "text"
	formatJSON = "json"
	formatDOT  = "dot"
)

func newLineageCommand(g *globals) *cobra.Command {
	p := &lineageFlags{g: g}
	c := &cobra.Command{
		Use:   "lineage",
		Short: "Ask what led to what, who touched it, and what was allowed when",
		Long: `Answers questions from the ledger's records alone, read from the first one on: those of
the running ledger, or with --file those of an export or an archive, offline:

  session   the chain of one session
  intent    one intent, its causes and its effects, across agents
  search    intents by who, what, when and what became of them
  release   what one release decided
  key       what one key or one identity signed
  at        what was allowed at a position or at a time
  whatif    what another release would have decided`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&p.format, "format", formatText, "text, json, or dot (Graphviz) where the answer is a graph")
	p.file.register(c.PersistentFlags())
	c.PersistentFlags().IntVar(&p.intents, "remember", history.DefaultIntents, "how many intents to hold in memory; a ledger with more is refused")
	c.AddCommand(
		newLineageSessionCommand(p), newLineageIntentCommand(p), newLineageSearchCommand(p), newLineageReleaseCommand(p),
		newLineageKeyCommand(p), newLineageAtCommand(p), newLineageWhatIfCommand(p),
	)
	return c
}

// lineageReader is a ledger to ask.
type lineageReader struct {
	trustDomain, zone string
	source            zone.LineageSource
	last              uint64 // the newest position when the question was asked
	releases          func(context.Context) (*zone.Releases, error)
	config            history.Config
}

// reads asks the ledger. Graph says whether the answer can be drawn.
func (p *lineageFlags) reads(ctx context.Context, graph bool, ask func(context.Context, *lineageReader) error) error {
	if err := p.check(graph); err != nil {
		return err
	}
	if p.file.given() {
		return p.readsFile(ctx, ask)
	}
	f, conn, err := p.g.openLedger(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	last, err := conn.Last(ctx)
	if err != nil {
		return err
	}
	return questionable(ask(ctx, &lineageReader{
		trustDomain: f.TrustDomain, zone: f.Zone, source: zone.LiveLineage(f, conn), last: last, config: history.Config{Intents: p.intents},
		releases: func(ctx context.Context) (*zone.Releases, error) { return zone.ReadReleases(ctx, f, conn) },
	}))
}

// readsFile asks a ledger in a file.
func (p *lineageFlags) readsFile(ctx context.Context, ask func(context.Context, *lineageReader) error) error {
	x, _, err := p.file.open(ctx, p.g)
	if err != nil {
		return err
	}
	return questionable(ask(ctx, &lineageReader{
		trustDomain: x.TrustDomain(), zone: x.Zone(), source: x, last: x.Last, config: history.Config{Intents: p.intents},
		releases: func(context.Context) (*zone.Releases, error) { return x.Releases() },
	}))
}

func (p *lineageFlags) check(graph bool) error {
	if p.g.json && p.format == formatText {
		p.format = formatJSON
	}
	switch {
	case p.format == formatDOT && !graph:
		return usage(errors.New("--format dot: the answer is no graph; ask for text or json"))
	case p.format != formatText && p.format != formatJSON && p.format != formatDOT:
		return usage(fmt.Errorf("--format %q is unknown; give text, json or dot", p.format))
	case p.intents < 1:
		return usage(errors.New("--remember must be 1 or more"))
	default:
		return p.file.check()
	}
}

// questionable marks what is wrong with a question as an error of the command line.
func questionable(err error) error {
	if errors.Is(err, history.ErrQuestion) || errors.Is(err, history.ErrAmbiguous) {
		return usage(err)
	}
	return err
}

// history is all of the ledger's.
func (l *lineageReader) history(ctx context.Context) (*history.History, error) {
	return zone.ReadHistory(ctx, l.source, l.config, l.last)
}

// agent completes an agent's name, or takes a SPIFFE ID as it is.
func (l *lineageReader) agent(name string) string {
	if strings.Contains(name, "://") || name == "" {
		return name
	}
	return trust.Identity{TrustDomain: l.trustDomain, Zone: l.zone, Role: pb.Role_ROLE_AGENT, Name: name}.String()
}

// tell writes an answer in the format that was asked for.
func (p *lineageFlags) tell(object any, text func() string, graph func() history.Graph) error {
	switch p.format {
	case formatJSON:
		return writeJSON(p.g.stdout, object)
	case formatDOT:
		_, err := fmt.Fprint(p.g.stdout, graph().DOT())
		return err
	default:
		_, err := fmt.Fprint(p.g.stdout, text())
		return err
	}
}
