package zone

import (
	"context"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/inorder"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Read implements LineageSource.
func (x *ExportSource) Read(ctx context.Context, last uint64, step LineageStep) error {
	return FollowExport(ctx, x, last, history.Read, func(f *ledger.Fold, ev feed.Event[history.Ahead]) error {
		return step(f, ev.Record, ev.Ahead)
	})
}

// What is read ahead of the fold, as an audit does.
var exportAhead = inorder.Ahead{Items: 4096, Bytes: 64 << 20}

// FollowExport folds a file up to and including position last, which must exist,
// as feed.Until folds a live ledger.
func FollowExport[T any](ctx context.Context, x *ExportSource, last uint64, prepare func(*ledger.Parsed) T, step func(*ledger.Fold, feed.Event[T]) error) error {
	type ready struct {
		parsed *ledger.Parsed
		ahead  T
	}
	if last > x.Last {
		return fmt.Errorf("%w: it ends at position %d, before %d", ErrPart, x.Last, last)
	}
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: x.header.Zone, Keys: keys}, ledger.NewFold(x.header.Ledger, keys)
	records := func(yield func(ledger.Raw, error) bool) {
		_, err := x.Records(ctx, 1, last, func(raw ledger.Raw) error {
			if !yield(raw, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil {
			yield(ledger.Raw{}, err)
		}
	}
	size := func(raw ledger.Raw) int64 { return int64(len(raw.Data) + len(raw.Subject)) }
	return inorder.Stream(records, size, exportAhead, func(raw ledger.Raw) ready {
		parsed := parser.Parse(raw)
		return ready{parsed, prepare(parsed)}
	}, func(r ready) error {
		rec, noise := fold.Step(r.parsed)
		return step(fold, feed.Event[T]{Seq: r.parsed.Seq, Time: r.parsed.Time, Record: rec, Noise: noise, Ahead: r.ahead, More: r.parsed.Seq < last})
	})
}
