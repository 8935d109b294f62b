package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Governing is a governor's connection to a ledger: it appends governance
// records signed with every governor's key that is in the fabric.
type Governing struct {
	f    *fabric.Fabric
	conn *streams.Conn
}

// Govern connects the fabric's first governor.
func Govern(ctx context.Context, f *fabric.Fabric, b Broker, log *slog.Logger) (*Governing, error) {
	conn, err := b.connectAnyGovernor(ctx, f, fmt.Errorf("zone: no governor's key is in %s; govern where one is", f.Dir), log)
	if err != nil {
		return nil, err
	}
	return &Governing{f: f, conn: conn}, nil
}

// Close closes the connection.
func (g *Governing) Close() { g.conn.Close() }

// State folds the ledger's governance records up to the newest.
func (g *Governing) State(ctx context.Context) (*governance.State, error) {
	records, err := feed.Rest(ctx, g.conn, g.f.Zone, 0)
	if err != nil {
		return nil, err
	}
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: g.f.Zone, Keys: keys}, ledger.NewFold(g.f.Ledger, keys)
	for _, raw := range records {
		_, _ = fold.Step(parser.Parse(raw)) // noise changes nothing
	}
	return fold.Governance(), nil
}

// ErrNoEffect reports a governance record that stands on the ledger and was
// refused there.
var ErrNoEffect = errors.New("zone: the record took no effect")

// Append signs a record, appends it, and makes sure that it took effect. It
// returns the record's position and its id, by which a Resume names a halt.
func (g *Governing) Append(ctx context.Context, record *pb.Governance) (seq uint64, id trust.Digest, err error) {
	data, err := g.f.SignGovernance(record)
	if err != nil {
		return 0, trust.Digest{}, err
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return 0, trust.Digest{}, err
	}
	id = trust.DigestOf(env.Payload)
	seq, err = g.conn.Append(ctx, schemas.Subject(g.f.Zone, schemas.KindGovernance, ""), data)
	if err != nil {
		return 0, trust.Digest{}, fmt.Errorf("zone: appending a governance record: %w", err)
	}
	state, err := g.State(ctx)
	if err != nil {
		return seq, id, fmt.Errorf("zone: the record stands at %d; whether it took effect could not be read: %w", seq, err)
	}
	if !state.Applied(id) {
		return seq, id, fmt.Errorf("%w: it stands at %d; too few governors signed, or it does not continue the chain; see: portcullis tail --from %d", ErrNoEffect, seq, seq)
	}
	return seq, id, nil
}

// Halt denies everything in scope from the returned position on.
func (g *Governing) Halt(ctx context.Context, scope *pb.Scope, reason string) (seq uint64, id trust.Digest, err error) {
	return g.Append(ctx, &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: scope, Reason: reason}}})
}

// Resume lifts the halts with the given ids, all of them or none.
func (g *Governing) Resume(ctx context.Context, halts []trust.Digest, reason string) (seq uint64, err error) {
	resume := &pb.Resume{Reason: reason}
	for _, id := range halts {
		resume.Halts = append(resume.Halts, id[:])
	}
	seq, _, err = g.Append(ctx, &pb.Governance{Record: &pb.Governance_Resume{Resume: resume}})
	return seq, err
}
