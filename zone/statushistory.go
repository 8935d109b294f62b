package zone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// HaltRecorded is a halt, a trip or a drill that took effect, whether it is in
// force or was lifted. The zero value is none.
type HaltRecorded struct {
	governance.Halt
	Drill bool
}

// haltRecorded is what a governance record that took effect says, if it is a
// halt, a trip or a drill.
func haltRecorded(record *pb.Governance, id trust.Digest, seq uint64, at time.Time) (HaltRecorded, bool) {
	halt := governance.Halt{ID: id, Sequence: seq, Time: at}
	switch {
	case record.GetHalt() != nil:
		halt.Scope, halt.Reason = record.GetHalt().GetScope(), record.GetHalt().GetReason()
	case record.GetTrip() != nil:
		trip := record.GetTrip()
		halt.Scope, halt.Reason, halt.Rule, halt.Subject = trip.GetScope(), trip.GetDetail(), trip.GetRule(), trip.GetSubject()
	default:
		return HaltRecorded{}, false
	}
	return HaltRecorded{halt, halt.Scope.GetKind() == pb.ScopeKind_SCOPE_KIND_DRILL}, true
}

// LastHalt is the newest halt, trip or drill of the ledger, from whenever.
func (o *Observer) LastHalt(ctx context.Context) (last HaltRecorded, err error) {
	if o.Look(func(*ledger.Fold) { last = o.last }); last.Sequence > 0 {
		return last, nil
	}
	subject := schemas.Subject(o.f.Zone, schemas.KindGovernance, "")
	told := make(map[trust.Digest]bool)
	_, err = streams.Read(ctx, o.conn, streams.ReadConfig{Filter: subject}, func(raw streams.Raw) error {
		if h, ok := o.standing(raw); ok && !told[h.ID] { // a copy of it is noise
			told[h.ID], last = true, h
		}
		return nil
	})
	o.Look(func(*ledger.Fold) {
		if o.last.Sequence < last.Sequence {
			o.last = last
		}
		last = o.last
	})
	return last, err
}

// standing reads a halt of the ledger's past that is known to have taken effect.
func (o *Observer) standing(raw streams.Raw) (h HaltRecorded, ok bool) {
	env, err := trust.ParseEnvelope(raw.Data)
	if err != nil || env.PayloadType != schemas.KindGovernance.PayloadType() {
		return HaltRecorded{}, false
	}
	id, record := trust.DigestOf(env.Payload), new(pb.Governance)
	applied := false
	o.Look(func(f *ledger.Fold) { applied = f.Governance().Applied(id) })
	if !applied || schemas.Decode(env.Payload, schemas.MaxPayload, record) != nil {
		return HaltRecorded{}, false
	}
	return haltRecorded(record, id, raw.Seq, raw.Time)
}

// HaltOf reads the payload of a halt's or a trip's record, of which nothing is
// known but its bytes: position and time are zero.
func HaltOf(payload []byte) (governance.Halt, error) {
	record := new(pb.Governance)
	if err := schemas.Decode(payload, schemas.MaxPayload, record); err != nil {
		return governance.Halt{}, fmt.Errorf("zone: not a governance record: %w", err)
	}
	h, ok := haltRecorded(record, trust.DigestOf(payload), 0, time.Time{})
	if !ok {
		return governance.Halt{}, errors.New("zone: the record is no halt and no trip")
	}
	return h.Halt, nil
}
