package zone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// ErrNoRelease reports a ledger without the release that is asked for.
var ErrNoRelease = errors.New("zone: no such release on the ledger")

// StandingRelease is a release that took effect on a ledger.
type StandingRelease struct {
	*governance.Release
	Position uint64    // of its record
	LogTime  time.Time // at its position: from then on it was in force
	Epoch    uint64    // the epoch that it opened
	SignedBy []string  // the governors whose signature verifies, sorted
	Envelope []byte    // its record
}

// Releases is what a ledger says about releases, read once. It is the caller's
// own: records may be applied to State to see what they would do.
type Releases struct {
	State   *governance.State
	All     []StandingRelease // in the order in which they took effect, at least one
	LogTime time.Time         // at Last
	Last    uint64            // the newest position that was read
}

// InForce is the release in force.
func (r *Releases) InForce() StandingRelease { return r.All[len(r.All)-1] }

// Version returns a release by its version.
func (r *Releases) Version(version uint64) (StandingRelease, error) {
	i := slices.IndexFunc(r.All, func(s StandingRelease) bool { return s.Proto.GetVersion() == version })
	if i < 0 {
		return StandingRelease{}, fmt.Errorf("%w: version %d; the ledger has 1 to %d", ErrNoRelease, version, r.InForce().Proto.GetVersion())
	}
	return r.All[i], nil
}

// Envelopes are the records of all releases, for fabric.Keep.
func (r *Releases) Envelopes() [][]byte {
	all := make([][]byte, len(r.All))
	for i, s := range r.All {
		all[i] = s.Envelope
	}
	return all
}

// ReadReleases folds a ledger's governance up to its newest record. It refuses
// another ledger than the fabric's, and one without a release.
func ReadReleases(ctx context.Context, f *fabric.Fabric, conn *streams.Conn) (*Releases, error) {
	last, err := conn.Last(ctx)
	if err != nil {
		return nil, fmt.Errorf("zone: reading the ledger's end: %w", err)
	}
	if last == 0 {
		return nil, fmt.Errorf("%w: it is empty; found it with portcullis up, or portcullis broker found", ErrNoRelease)
	}
	newest, err := conn.Get(ctx, last)
	if err != nil {
		return nil, fmt.Errorf("zone: reading the ledger's end: %w", err)
	}
	records, err := feed.Rest(ctx, conn, f.Zone, last)
	if err != nil {
		return nil, fmt.Errorf("zone: reading the ledger's governance: %w", err)
	}
	r := newReleaseReader(f)
	for _, raw := range records {
		r.step(raw)
	}
	r.fold.RaiseLogTime(newest.Time)
	found := &Releases{State: r.fold.Governance(), All: r.found, LogTime: r.fold.LogTime(), Last: last}
	if found.State.Head().Number == 0 {
		return nil, fmt.Errorf("%w: none of its records is genesis %s; use the data folder that made it, or another server", ErrForeignLedger, f.Ledger.Short())
	}
	if len(found.All) == 0 {
		return nil, fmt.Errorf("%w: genesis stands alone; bring it up to date with portcullis up, or portcullis broker found", ErrNoRelease)
	}
	return found, nil
}

type releaseReader struct {
	parser    ledger.Parser
	fold      *ledger.Fold
	governors map[trust.KeyID]trust.PublicKey // all that there ever were
	names     map[trust.KeyID]string
	found     []StandingRelease
}

func newReleaseReader(f *fabric.Fabric) *releaseReader {
	keys := ledger.NewKeys()
	return &releaseReader{
		parser: ledger.Parser{Zone: f.Zone, Keys: keys}, fold: ledger.NewFold(f.Ledger, keys),
		governors: map[trust.KeyID]trust.PublicKey{}, names: map[trust.KeyID]string{},
	}
}

func (r *releaseReader) step(raw ledger.Raw) {
	rec, err := r.fold.Step(r.parser.Parse(raw))
	if err != nil || rec.Kind != schemas.KindGovernance {
		return // noise changes nothing
	}
	r.meet(rec.Effect.Record.GetGenesis().GetGovernors())
	r.meet(rec.Effect.Record.GetRelease().GetGovernors())
	if rec.Effect.Record.GetRelease() == nil {
		return
	}
	r.found = append(r.found, StandingRelease{
		Release: r.fold.Governance().Release(), Position: raw.Seq, LogTime: rec.LogTime, Epoch: rec.Effect.Epoch,
		SignedBy: r.signers(raw.Data), Envelope: raw.Data,
	})
}

func (r *releaseReader) meet(governors []*pb.Governor) {
	for _, g := range governors {
		if key, err := trust.NewPublicKey(g.GetPublicKey()); err == nil { // what took effect holds good keys only
			r.governors[key.ID()], r.names[key.ID()] = key, g.GetName()
		}
	}
}

func (r *releaseReader) signers(data []byte) (names []string) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return nil // unreachable: the fold has parsed it
	}
	for id := range env.Signers(r.governors) {
		names = append(names, r.names[id])
	}
	slices.Sort(names)
	return names
}
