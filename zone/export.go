package zone

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Exporter reads a live ledger for keeping outside of it. It writes nothing.
type Exporter struct {
	f    *fabric.Fabric
	conn *streams.Conn
}

// ConnectExporter connects an auditor whose folder is in the fabric, else a
// governor.
func ConnectExporter(ctx context.Context, f *fabric.Fabric, b Broker, log *slog.Logger) (*Exporter, error) {
	conn, err := ConnectReader(ctx, f, b, log)
	if err != nil {
		return nil, err
	}
	return &Exporter{f, conn}, nil
}

// Close closes the connection.
func (x *Exporter) Close() { x.conn.Close() }

// ExportConfig says what to export. The zero value is the whole ledger.
type ExportConfig struct {
	From uint64 // first position; 0 means 1
	To   uint64 // last position; 0 means the newest
	// Wait is how long to wait for a signed checkpoint over the newest record, if To
	// is 0 and a recorder is enrolled. The export then ends where it does.
	Wait time.Duration
	// Segment exports a part that continues another file: without what stands before
	// it. The header's Previous is the caller's to set.
	Segment bool
}

// Export is what an export will hold. Frames reads the ledger, once, under the
// context that Export was given.
type Export struct {
	Header evidence.Header
	Frames iter.Seq2[evidence.Frame, error]
	Last   uint64 // position of the last record; less than Header.First if there is none

	Checkpoint []byte // the largest that fits; nil if there is none
	Covered    uint64 // positions that it covers
	// Lost is the size of a tree that a recorder signed and that is larger than the
	// ledger: records were lost. Its checkpoint is in the export. 0 if there is none.
	Lost uint64
	// Seal is the position of the record that ended the ledger; 0 if none has. What
	// stands behind it is never covered.
	Seal uint64
	// Unread says why no checkpoint was looked for; "" if one was.
	Unread string
}

// Export prepares an export: it finds where it ends and which checkpoints go
// with it. It waits while the broker cannot be reached, until ctx ends.
func (x *Exporter) Export(ctx context.Context, cfg ExportConfig) (*Export, error) {
	cfg.From = max(cfg.From, 1)
	base, err := x.base(ctx)
	if err != nil {
		return nil, err
	}
	e := &Export{Header: evidence.Header{
		Extent: evidence.Whole, Ledger: x.f.Ledger, TrustDomain: x.f.TrustDomain, Zone: x.f.Zone, First: cfg.From, Made: time.Now().UTC(),
	}, Seal: base.seal}
	switch {
	case cfg.Segment:
		e.Header.Extent, e.Header.Made = evidence.Segment, time.Time{} // the same records make the same bytes
	case cfg.From > 1 || cfg.To > 0:
		e.Header.Extent = evidence.Range
	}
	found, err := x.end(ctx, cfg, base, e)
	if err != nil {
		return nil, err
	}
	if !cfg.Segment && cfg.From > e.Last {
		return nil, fmt.Errorf("zone: the ledger has no record from position %d to %d; its newest is at %d", cfg.From, max(cfg.To, cfg.From), e.Last)
	}
	var prefix []evidence.Frame
	if e.Header.Extent == evidence.Range {
		prefix = base.before(cfg.From)
	}
	e.Frames = x.frames(ctx, prefix, cfg.From, e.Last, found)
	return e, nil
}

// end finds the last record of an export, and its checkpoints in the order of
// their sizes.
func (x *Exporter) end(ctx context.Context, cfg ExportConfig, base *base, e *Export) ([]checkpoint, error) {
	last, err := x.conn.Last(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.To > last {
		return nil, fmt.Errorf("zone: the ledger's newest record is at position %d; give --to %d or less", last, last)
	}
	if e.Last = cfg.To; cfg.To == 0 {
		e.Last = last
	}
	if !base.recorded() {
		e.Unread = "no release names a recorder with log keys"
		return nil, nil
	}
	if cfg.To == 0 {
		if err := x.cover(ctx, cfg.Wait, base, e); err != nil {
			return nil, err
		}
	}
	found, err := x.checkpoints(ctx, base, e.Last)
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		e.Checkpoint, e.Covered = c.note, c.Size
	}
	if e.Lost > 0 {
		largest, err := x.largest(ctx, base, base.origins()-1, ^uint64(0))
		if err != nil {
			return nil, err
		}
		for _, c := range largest {
			if c.Size > e.Last {
				found = append(found, c)
			}
		}
	}
	return found, nil
}

// cover moves the end of an export to where a checkpoint covers it. Checkpoints
// are read before the ledger's end: one that is larger even so proves a loss.
func (x *Exporter) cover(ctx context.Context, wait time.Duration, base *base, e *Export) error {
	for end := time.Now().Add(wait); ; {
		largest, err := x.largest(ctx, base, base.origins()-1, ^uint64(0))
		if err != nil {
			return err
		}
		if n := len(largest); n > 0 && largest[n-1].Size >= e.Last {
			size := largest[n-1].Size
			last, err := x.conn.Last(ctx)
			if err != nil {
				return err
			}
			if e.Last = min(size, last); size > last {
				e.Lost = size
			}
			return nil
		}
		if n := len(largest); n > 0 && base.seal > 0 && largest[n-1].Size >= base.seal {
			return nil // no other will come
		}
		if !time.Now().Before(end) {
			return nil
		}
		if err := sleep(ctx, checkpointPoll); err != nil {
			return err
		}
	}
}

const checkpointPoll = 100 * time.Millisecond

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

var errEnough = errors.New("zone: read far enough")

// frames reads records, with each checkpoint behind the record at its size.
func (x *Exporter) frames(ctx context.Context, prefix []evidence.Frame, from, to uint64, found []checkpoint) iter.Seq2[evidence.Frame, error] {
	return func(yield func(evidence.Frame, error) bool) {
		for _, f := range prefix {
			if !yield(f, nil) {
				return
			}
		}
		if from > to {
			return
		}
		rest := slices.DeleteFunc(slices.Clone(found), func(c checkpoint) bool { return c.Size < from })
		_, err := streams.Read(ctx, x.conn, streams.ReadConfig{From: from, To: to}, func(raw streams.Raw) error {
			if !yield(evidence.Frame{Kind: evidence.FrameRecord, Raw: feed.Raw(raw)}, nil) {
				return errEnough
			}
			for len(rest) > 0 && (rest[0].Size == raw.Seq || raw.Seq == to) {
				if !yield(evidence.Frame{Kind: evidence.FrameCheckpoint, Note: rest[0].note}, nil) {
					return errEnough
				}
				rest = rest[1:]
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(evidence.Frame{}, fmt.Errorf("zone: exporting the ledger: %w", err))
		}
	}
}

// base reads what every checkpoint is read by.
func (x *Exporter) base(ctx context.Context) (*base, error) {
	records, err := feed.Rest(ctx, x.conn, x.f.Zone, 0)
	if err != nil {
		return nil, err
	}
	return newBase(x.f, records)
}
