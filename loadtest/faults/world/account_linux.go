package world

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// account is what a ledger says, decoded and nothing more: no fold and no book of the code under test judged it. It is fit for
// ledgers on which nobody forges, as the tests' are.
type account struct {
	records  []trust.Digest // by position, from 1
	times    []time.Time    // log time, by position
	claims   map[ledger.Position]*pb.Claim
	outcomes map[ledger.Position][]*pb.Outcome // by claim, distinct
	at       map[ledger.Position]*pb.Outcome   // by where it stands
	trips    []*pb.Trip
}

// read reads the whole ledger.
func (w *World) read(ctx context.Context) (*account, error) {
	a := &account{
		records: make([]trust.Digest, 1), times: make([]time.Time, 1),
		claims: map[ledger.Position]*pb.Claim{}, outcomes: map[ledger.Position][]*pb.Outcome{}, at: map[ledger.Position]*pb.Outcome{},
	}
	_, err := streams.Read(ctx, w.reader, streams.ReadConfig{}, a.add)
	return a, err
}

// add takes the record behind the newest one.
func (a *account) add(raw streams.Raw) error {
	if raw.Seq != uint64(len(a.records)) {
		return fmt.Errorf("world: position %d follows %d", raw.Seq, len(a.records)-1)
	}
	now := a.times[len(a.times)-1]
	if raw.Time.After(now) {
		now = raw.Time
	}
	a.records, a.times = append(a.records, trust.DigestOf(raw.Data)), append(a.times, now)
	env, err := trust.ParseEnvelope(raw.Data)
	if err != nil {
		return nil //nolint:nilerr // the guest's noise
	}
	var kind schemas.Kind
	switch env.PayloadType {
	case schemas.KindGovernance.PayloadType():
		return a.govern(raw.Seq, env.Payload)
	case schemas.KindClaim.PayloadType():
		kind = schemas.KindClaim
	case schemas.KindOutcome.PayloadType():
		kind = schemas.KindOutcome
	default:
		return nil
	}
	_, items, err := trust.ParseList(env.Payload)
	if err != nil {
		return fmt.Errorf("world: position %d: %w", raw.Seq, err)
	}
	for i, item := range items {
		at := ledger.Position{Seq: raw.Seq, Index: uint32(i)}
		if err := a.item(kind, at, item); err != nil {
			return fmt.Errorf("world: position %s: %w", at, err)
		}
	}
	return nil
}

// govern notes trips.
func (a *account) govern(seq uint64, payload []byte) error {
	record := new(pb.Governance)
	if err := schemas.DecodeUnchecked(payload, schemas.MaxPayload, record); err != nil {
		return fmt.Errorf("world: position %d: %w", seq, err)
	}
	if trip := record.GetTrip(); trip != nil {
		a.trips = append(a.trips, trip)
	}
	return nil
}

func (a *account) item(kind schemas.Kind, at ledger.Position, item []byte) error {
	if kind == schemas.KindClaim {
		c := new(pb.Claim)
		a.claims[at] = c
		return schemas.DecodeUnchecked(item, schemas.MaxItem, c)
	}
	o := new(pb.Outcome)
	if err := schemas.DecodeUnchecked(item, schemas.MaxItem, o); err != nil {
		return err
	}
	a.at[at] = o
	claim := ledger.PositionOf(o.GetClaim())
	for _, other := range a.outcomes[claim] {
		if proto.Equal(o, other) {
			return nil
		}
	}
	a.outcomes[claim] = append(a.outcomes[claim], o)
	return nil
}
