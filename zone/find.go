package zone

import (
	"context"
	"log/slog"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
)

// FindIntent reads a fabric's ledger once, up to position last, to learn which intent
// is meant. Errors wrap those of transcript.Search, or are the connection's.
func FindIntent(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, last uint64, query transcript.Query) (trust.Digest, error) {
	teller, search := transcript.NewTeller(), transcript.NewSearch(query)
	cfg := feed.Config{Conn: conn, Zone: f.Zone, Ledger: f.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler)}
	err := feed.Until(ctx, cfg, last, transcript.Prepare, func(fold *ledger.Fold, ev feed.Event[transcript.Ahead]) error {
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
