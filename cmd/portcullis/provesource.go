package main

import (
	"context"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

// provable is a ledger of which something is proved: where it is read, and how an
// intent is found in it.
type provable struct {
	zone.Proving
	find  func(context.Context, transcript.Query) (trust.Digest, error)
	close func()
}

// provable is the ledger that the flags name.
func (g *globals) provable(ctx context.Context, flags *proveFlags) (*provable, error) {
	if flags.file.given() {
		return g.provableFile(ctx, &flags.file)
	}
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return nil, err
	}
	return &provable{
		Proving: zone.Proving{Source: zone.LedgerSource{Conn: conn}, Zone: f.Zone, Ledger: f.Ledger, Wait: flags.wait},
		find: func(ctx context.Context, query transcript.Query) (trust.Digest, error) {
			last, err := conn.Last(ctx)
			if err != nil {
				return trust.Digest{}, err
			}
			return zone.FindIntent(ctx, f, conn, last, query)
		},
		close: conn.Close,
	}, nil
}

// provableFile is a ledger in a file, in which nothing is worth waiting for.
func (g *globals) provableFile(ctx context.Context, file *exportFile) (*provable, error) {
	x, anchor, err := file.open(ctx, g)
	if err != nil {
		return nil, err
	}
	return &provable{
		Proving: zone.Proving{Source: x, Zone: x.Zone(), Ledger: anchor},
		find: func(ctx context.Context, query transcript.Query) (trust.Digest, error) {
			teller, search := transcript.NewTeller(), transcript.NewSearch(query)
			err := zone.FollowExport(ctx, x, x.Last, transcript.Prepare, func(f *ledger.Fold, ev feed.Event[transcript.Ahead]) error {
				for _, l := range teller.Tell(f, ev) {
					search.Take(l)
				}
				return nil
			})
			if err != nil {
				return trust.Digest{}, err
			}
			return search.Found()
		},
		close: func() {},
	}, nil
}
