package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
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
	about, err := findIntent(ctx, f, conn, last, query)
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

// findIntent reads the ledger once to learn which intent is meant.
func findIntent(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, last uint64, query transcript.Query) (trust.Digest, error) {
	teller, search := transcript.NewTeller(), transcript.NewSearch(query)
	err := feed.Until(ctx, feedOf(f, conn), last, transcript.Prepare, func(fold *ledger.Fold, ev feed.Event[transcript.Ahead]) error {
		for _, l := range teller.Tell(fold, ev) {
			search.Take(l)
		}
		return nil
	})
	if err != nil {
		return trust.Digest{}, err
	}
	return search.Found()
}
