package zone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/streams"
)

// ErrOtherLedger reports a ledger that is not the one which an archive holds.
var ErrOtherLedger = errors.New("zone: the ledger is not the one that was archived")

// Archived is what one run added to an archive.
type Archived struct {
	Archive  *evidence.Archive
	Segments []evidence.ArchivedSegment // added
	Export   *Export
	Tiles    uint64 // size of the tree whose tiles were copied; 0 if none were
}

// ArchiveConfig says how to archive. Root and Segment are required.
type ArchiveConfig struct {
	Root    string        // the archive is below it, by trust domain, zone and ledger
	Segment uint64        // records of a segment, at most
	Tiles   string        // folder of a recorder's tiles to copy; "" for none
	Wait    time.Duration // see ExportConfig
}

// Archive adds what an archive lacks. What it has is compared with the ledger at
// one place, its newest record.
func (x *Exporter) Archive(ctx context.Context, cfg ArchiveConfig) (*Archived, error) {
	a, err := evidence.CreateArchive(cfg.Root, evidence.Header{Ledger: x.f.Ledger, TrustDomain: x.f.TrustDomain, Zone: x.f.Zone})
	if err != nil {
		return nil, err
	}
	if err := x.sameLedger(ctx, a); err != nil {
		return nil, err
	}
	done := &Archived{Archive: a}
	if done.Export, err = x.Export(ctx, ExportConfig{From: a.Last() + 1, Wait: cfg.Wait, Segment: true}); err != nil {
		return nil, err
	}
	if done.Segments, err = a.Append(done.Export.Frames, cfg.Segment); err != nil {
		return done, err
	}
	if done.Export.Checkpoint != nil {
		if err := a.SetCheckpoint(done.Export.Checkpoint); err != nil {
			return done, err
		}
	}
	if cfg.Tiles != "" {
		done.Tiles, err = x.tiles(ctx, a, cfg.Tiles)
	}
	return done, err
}

func (x *Exporter) tiles(ctx context.Context, a *evidence.Archive, from string) (uint64, error) {
	base, err := x.base(ctx)
	if err != nil {
		return 0, err
	}
	keys, err := base.keysAt(^uint64(0))
	if err != nil {
		return 0, err
	}
	c, err := a.CopyTiles(from, keys)
	return c.Size, err
}

// sameLedger compares the newest archived record with the ledger's at its place.
func (x *Exporter) sameLedger(ctx context.Context, a *evidence.Archive) error {
	if a.Last() == 0 {
		return nil
	}
	kept, err := a.LastRecord()
	if err != nil {
		return err
	}
	now, err := x.conn.Get(ctx, kept.Seq)
	if errors.Is(err, streams.ErrMissing) {
		return fmt.Errorf("%w: it ends before position %d, which is archived; it lost records, see docs/operations.md", ErrOtherLedger, kept.Seq)
	}
	if err != nil {
		return err
	}
	if !now.Time.Equal(kept.Time) || now.Subject != kept.Subject || trust.DigestOf(now.Data) != trust.DigestOf(kept.Data) {
		return fmt.Errorf("%w: another record stands at position %d; keep the archive, it is evidence", ErrOtherLedger, kept.Seq)
	}
	return nil
}
