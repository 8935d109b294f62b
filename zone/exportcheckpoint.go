package zone

import (
	"bytes"
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
	seal    uint64     // position of the seal; 0 before it
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
		if gov.Sealed() {
			b.seal = raw.Seq // no record behind it takes effect
		}
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

// checkpoint is a checkpoint of the ledger that verifies.
type checkpoint struct {
	lineage.Signed
	note  []byte
	at    time.Time // when the broker stored it
	asked int       // cosignatures that it needs
}

// claimed reads what a note says that is of this tree and covers at most so many
// records. Nothing is verified.
func (b *base) claimed(raw streams.Raw, origin int, most uint64) (c lineage.Checkpoint, ok bool) {
	if !bytes.HasPrefix(raw.Data, []byte(b.origin(origin)+"\n")) {
		return lineage.Checkpoint{}, false
	}
	c, err := evidence.ReadCheckpoint(raw.Data)
	return c, err == nil && c.Size > 0 && c.Size <= most
}

// open verifies a note by the keys that count behind the records that it covers.
func (b *base) open(raw streams.Raw, c lineage.Checkpoint) (checkpoint, bool) {
	keys, err := b.keysAt(c.Size)
	if err != nil {
		return checkpoint{}, false
	}
	signed, err := keys.Open(raw.Data)
	return checkpoint{signed, raw.Data, raw.Time, keys.Threshold()}, err == nil
}
