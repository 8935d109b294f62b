package zone

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// base is what a ledger's checkpoints are read by: its governance records and
// credentials, and whose log keys count where.
type base struct {
	records []ledger.Raw
	keys    []keysFrom // by position
	lost    []uint64   // what each loss kept, in order
	origin  func(losses int) string
}

// keysFrom are the log keys that count from a position on.
type keysFrom struct {
	position uint64
	keys     *lineage.Keys
	known    bool // a recorder is among them
}

func newBase(f *fabric.Fabric, records []ledger.Raw) (*base, error) {
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: f.Zone, Keys: keys}, ledger.NewFold(f.Ledger, keys)
	b := &base{records: records, origin: func(losses int) string { return lineage.Origin(f.TrustDomain, f.Zone, f.Ledger, losses) }}
	for _, raw := range records {
		epoch := fold.Governance().Epoch()
		if _, err := fold.Step(parser.Parse(raw)); err != nil || fold.Governance().Epoch() == epoch {
			continue // noise, or a credential
		}
		gov := fold.Governance()
		logKeys, err := gov.LogKeys()
		if err != nil {
			return nil, fmt.Errorf("zone: the log keys at position %d: %w", raw.Seq, err)
		}
		known := false
		if release := gov.Release(); release != nil {
			known = slices.ContainsFunc(release.Proto.GetDirectory(), func(p *pb.Identity) bool { return len(p.GetLogKeys()) > 0 })
		}
		b.keys = append(b.keys, keysFrom{raw.Seq, logKeys, known})
		b.lost = b.lost[:0]
		for _, loss := range gov.Losses() {
			b.lost = append(b.lost, loss.GetKept())
		}
	}
	return b, nil
}

// before are the records that a range from a position on stands on.
func (b *base) before(from uint64) []evidence.Frame {
	var frames []evidence.Frame
	for _, raw := range b.records {
		if raw.Seq < from && raw.Subject != "" { // else it came with headers of its own: noise
			frames = append(frames, evidence.Frame{Kind: evidence.FramePrefix, Raw: raw})
		}
	}
	return frames
}

// recorded reports whether a recorder's log keys count at the end.
func (b *base) recorded() bool { return len(b.keys) > 0 && b.keys[len(b.keys)-1].known }

// origins is how many trees the ledger has had: one, and one for each loss.
func (b *base) origins() int { return len(b.lost) + 1 }

// keysAt are the log keys that count behind a position.
func (b *base) keysAt(position uint64) (*lineage.Keys, error) {
	i := sort.Search(len(b.keys), func(i int) bool { return b.keys[i].position > position })
	if i == 0 {
		return lineage.NewKeys(b.origin(0), nil, 0)
	}
	return b.keys[i-1].keys, nil
}

// most is how large a tree may be that still fits the ledger: what the losses
// behind it kept, and no limit for the newest.
func (b *base) most(origin int) uint64 {
	most := ^uint64(0)
	for _, kept := range b.lost[origin:] {
		most = min(most, kept)
	}
	return most
}

// beyond reports whether a note is of a later tree, or of a larger one, so that
// none behind it in the stream is looked for. Of junk it is false.
func (b *base) beyond(signed []byte, origin int, most uint64) bool {
	c, err := evidence.ReadCheckpoint(signed)
	if err != nil {
		return false
	}
	for i := range b.origins() {
		if c.Origin == b.origin(i) {
			return i > origin || i == origin && c.Size > most
		}
	}
	return false
}

// checkpoint is a checkpoint of the ledger that verifies.
type checkpoint struct {
	lineage.Signed
	note []byte
	at   time.Time // when the broker stored it
}

// open verifies a note by the keys that count behind the records that it covers.
func (b *base) open(raw streams.Raw, origin int, most uint64) (checkpoint, bool) {
	c, err := evidence.ReadCheckpoint(raw.Data)
	if err != nil || c.Origin != b.origin(origin) || c.Size > most {
		return checkpoint{}, false
	}
	keys, err := b.keysAt(c.Size)
	if err != nil {
		return checkpoint{}, false
	}
	signed, err := keys.Open(raw.Data)
	return checkpoint{signed, raw.Data, raw.Time}, err == nil
}

// checkpoints finds those that go with an export up to a position, by size: of
// each tree the newest that fits, and the best witnessed of the minute before it.
func (x *Exporter) checkpoints(ctx context.Context, b *base, to uint64) ([]checkpoint, error) {
	var all []checkpoint
	for origin := range b.origins() {
		found, err := x.newest(ctx, b, origin, min(b.most(origin), to))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(c, d checkpoint) int { return cmp.Compare(c.Size, d.Size) })
	return all, nil
}

const (
	checkpointWindow = 128 // notes read at once, from the end backwards
	witnessedWithin  = time.Minute
)

// newest finds the newest checkpoint of a tree that is at most so large, and
// before it the one of the last minute that most witnesses cosigned, if that has
// more cosignatures.
func (x *Exporter) newest(ctx context.Context, b *base, origin int, most uint64) ([]checkpoint, error) {
	head, err := x.readNotes(ctx, ^uint64(0), 0, nil) // reads none, and says where the end is
	if err != nil {
		return nil, err
	}
	if head, err = x.notBeyond(ctx, b, origin, most, head); err != nil {
		return nil, err
	}
	var newest, best *checkpoint
	for head > 0 {
		from := max(head, checkpointWindow) - checkpointWindow + 1
		var window []streams.Raw
		if _, err := x.readNotes(ctx, from, head, func(raw streams.Raw) { window = append(window, raw) }); err != nil {
			return nil, err
		}
		for _, raw := range slices.Backward(window) {
			if newest != nil && raw.Time.Before(newest.at.Add(-witnessedWithin)) {
				return inOrderOfSize(newest, best), nil
			}
			c, ok := b.open(raw, origin, most)
			switch {
			case !ok:
			case newest == nil:
				newest, best = &c, &c
			case len(c.Cosigned) > len(best.Cosigned):
				best = &c
			}
		}
		head = from - 1
	}
	return inOrderOfSize(newest, best), nil
}

// inOrderOfSize is the two without what one makes superfluous.
func inOrderOfSize(newest, best *checkpoint) []checkpoint {
	switch {
	case newest == nil:
		return nil
	case best.Size == newest.Size || bytes.Equal(best.note, newest.note):
		return []checkpoint{*best}
	default:
		return []checkpoint{*best, *newest}
	}
}

// notBeyond is the last place of the stream at which a checkpoint can be that is
// looked for: sizes grow with the stream.
func (x *Exporter) notBeyond(ctx context.Context, b *base, origin int, most, head uint64) (uint64, error) {
	if most == ^uint64(0) || head == 0 {
		return head, nil
	}
	var failed error
	n := sort.Search(int(head), func(i int) (beyond bool) { //nolint:gosec // no stream is that long
		if failed != nil {
			return true
		}
		_, failed = x.readNotes(ctx, uint64(i)+1, uint64(i)+1, func(raw streams.Raw) { beyond = b.beyond(raw.Data, origin, most) }) //nolint:gosec // not negative
		return beyond
	})
	return uint64(n), failed //nolint:gosec // not negative
}

// readNotes reads the stream of checkpoints and returns the position of its end,
// or to, whichever is less. Notes with headers of their own are left out.
func (x *Exporter) readNotes(ctx context.Context, from, to uint64, each func(streams.Raw)) (uint64, error) {
	last, err := streams.Read(ctx, x.conn, streams.ReadConfig{Stream: streams.Checkpoints, From: from, To: to}, func(raw streams.Raw) error {
		if !raw.Foreign {
			each(raw)
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("zone: reading checkpoints: %w", err)
	}
	return last, nil
}
