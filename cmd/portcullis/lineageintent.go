package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/history"
)

func newLineageIntentCommand(p *lineageFlags) *cobra.Command {
	walk := history.Walk{}
	c := &cobra.Command{
		Use:   "intent ID|DIGEST|POSITION [--ancestors] [--descendants] [--depth N]",
		Short: "One intent, its causes and its effects, across agents",
		Long: `Tells one intent with all that was signed about it, and draws its causes and its
effects: along the parents that intents name, of whatever agent, and with --sessions
along sessions too. Without --ancestors and --descendants, both.

The intent is meant by its id, by the first 4 or more digits of its digest, or by the
position of anything that is about it. Up to seven decimal digits are a position.

JSON: {"root","walk":{…},"nodes":[{"digest","known","depth","intent":{…}}],"edges":[{"from","to","kind","late"}],"cut"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if walk.Depth < 0 {
				return usage(errors.New("--depth cannot be negative; 0 means all"))
			}
			if !walk.Ancestors && !walk.Descendants {
				walk.Ancestors, walk.Descendants = true, true
			}
			return p.reads(c.Context(), true, func(ctx context.Context, l *lineageReader) error { return p.intent(ctx, l, args[0], walk) })
		},
	}
	c.Flags().BoolVar(&walk.Ancestors, "ancestors", false, "its causes")
	c.Flags().BoolVar(&walk.Descendants, "descendants", false, "its effects")
	c.Flags().BoolVar(&walk.Sessions, "sessions", false, "follow sessions too")
	c.Flags().IntVar(&walk.Depth, "depth", 8, "how many steps to follow; 0 for all")
	return c
}

func (p *lineageFlags) intent(ctx context.Context, l *lineageReader, text string, walk history.Walk) error {
	h, err := l.history(ctx)
	if err != nil {
		return err
	}
	digest, err := h.Find(text)
	if err != nil {
		return err
	}
	graph, err := h.Lineage(digest, walk)
	if err != nil {
		return err
	}
	return p.tell(graph, graph.String, func() history.Graph { return graph })
}

func newLineageSessionCommand(p *lineageFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "session AGENT SESSION",
		Short: "The chain of one session",
		Long: `Tells the intents of one session in the order of the ledger, and where one does not
follow the one before it: a gap, a fork, or a sequence that was used already.
AGENT is a name of this zone or a SPIFFE ID.

JSON: {"agent","session","intents":[{"follows":"begins"|"continues"|"gap"|"fork"|"repeats", and the intent}]}`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return p.reads(c.Context(), true, func(ctx context.Context, l *lineageReader) error {
				h, err := l.history(ctx)
				if err != nil {
					return err
				}
				agent := l.agent(args[0])
				chain, found := h.Session(agent, args[1])
				if !found {
					return fmt.Errorf("%s has no intent in session %q; see its sessions with: portcullis lineage search --agent %s", agent, args[1], args[0])
				}
				return p.tell(chain, chain.String, func() history.Graph { return chain.Graph() })
			})
		},
	}
}
