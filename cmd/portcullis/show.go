package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

func newShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show INTENT",
		Short: "Tell the whole story of one intent, and derive its verdict again",
		Long: `Tells the whole story of one intent: what was asked for, every decision, claim and
outcome, and how long each took. It reads the ledger from its beginning, derives
the verdict again, and says whether each recorded decision is the same, byte for
byte.

INTENT is the beginning of its digest (4 digits or more), its id, or the position
(17 or 17.0) of the intent or of anything that is about it. Up to seven decimal
digits are a position.

JSON: {"intent","resent":[…],"decisions_needed","rederived":{"decision","digest","explanation"},
"decisions":[{"line","rederived_identical"}],"claims":[…],"outcomes":[…],"approvals":[…],"timings_ms":{"quorum","claim","outcome","run"}};
lines are those of tail.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.show(c.Context(), args[0]) },
	}
}

func (g *globals) show(ctx context.Context, text string) error {
	query, err := transcript.ParseQuery(text)
	if err != nil {
		return usage(err)
	}
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	last, err := conn.Last(ctx)
	if err != nil {
		return err
	}
	about, err := zone.FindIntent(ctx, f, conn, last, query)
	if errors.Is(err, transcript.ErrAmbiguous) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	teller := transcript.NewStoryTeller(about)
	if err := feed.Until(ctx, feedOf(f, conn), last, transcript.Prepare, teller.Step); err != nil {
		return err
	}
	story := teller.Story()
	return g.say(story, "%s", story)
}
