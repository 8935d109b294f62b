package feedtest

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Pulse writes a pulse of s1.
func (w *World) Pulse() uint64 {
	w.t.Helper()
	gov := w.Fold().Governance()
	return w.PulseOf(gov.Head().Proto(), gov.Release().Digest)
}

// PulseOf writes a pulse of s1 that names a governance head.
func (w *World) PulseOf(head *pb.Head, release trust.Digest) uint64 {
	w.t.Helper()
	s1 := w.members["s1"]
	w.pulses++
	payload, err := schemas.Marshal(&pb.Pulse{
		Ledger: w.Zone.Ledger[:], Sentinel: s1.SPIFFE(), Incarnation: make([]byte, 16), Counter: w.pulses,
		Head: head, Release: release[:], Clock: timestamppb.Now(),
	})
	w.must(err)
	return w.Write("s1", schemas.KindPulse, "", s1.Seal(schemas.KindPulse, payload))
}

// Intent is an intent on the ledger.
type Intent struct {
	Content  *pb.Intent
	Digest   trust.Digest
	Position ledger.Position
}

// Propose writes alice's intent to read, the only one of a session that is named
// by name.
func (w *World) Propose(name string, timeout time.Duration) Intent {
	w.t.Helper()
	alice := w.members["alice"]
	id := trust.DigestOf([]byte(name))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80 // a UUIDv7
	arguments := []byte("{}")
	digest := trust.DigestOf(arguments)
	in := &pb.Intent{
		Id: id[:16], Agent: alice.SPIFFE(), Session: name, Sequence: 1, Tool: "read", Action: "read", Resource: name,
		Arguments: arguments, ArgumentsDigest: digest[:], Deadline: timestamppb.New(time.Now().Add(timeout)),
	}
	item, err := schemas.Marshal(in)
	w.must(err)
	seq := w.Write("alice", schemas.KindIntent, "alice", alice.List(schemas.KindIntent, w.Zone.Ledger, item))
	return Intent{Content: in, Digest: trust.DigestOf(item), Position: ledger.Position{Seq: seq}}
}

// Answer writes an approver's answer to an intent.
func (w *World) Answer(approver string, in Intent, approve bool) uint64 {
	w.t.Helper()
	m := w.members[approver]
	payload, err := schemas.Marshal(&pb.Approval{Ledger: w.Zone.Ledger[:], IntentDigest: in.Digest[:], Approver: m.SPIFFE(), Approve: approve})
	w.must(err)
	return w.Write(approver, schemas.KindApproval, "", m.Seal(schemas.KindApproval, payload))
}

// Allow writes an enforcer's ALLOW of an intent under the governance of now.
func (w *World) Allow(enforcer string, in Intent) uint64 {
	w.t.Helper()
	return w.Decide(enforcer, in, func(*pb.Decision) {})
}

// Decide is Allow, changed.
func (w *World) Decide(enforcer string, in Intent, change func(*pb.Decision)) uint64 {
	w.t.Helper()
	gov := w.Fold().Governance()
	d := &pb.Decision{
		Intent: in.Position.Proto(), IntentDigest: in.Digest[:], Verdict: pb.Verdict_VERDICT_ALLOW,
		Epoch: gov.Epoch(), Release: gov.Release().Digest[:], Deadline: in.Content.GetDeadline(), LogTime: timestamppb.Now(),
		Agent: in.Content.GetAgent(), Session: in.Content.GetSession(), Tool: in.Content.GetTool(), SessionSequence: in.Content.GetSequence(),
	}
	change(d)
	item, err := schemas.Marshal(d)
	w.must(err)
	return w.Write(enforcer, schemas.KindDecision, d.GetTool(), w.members[enforcer].List(schemas.KindDecision, w.Zone.Ledger, item))
}

// Claim writes an executor's claim on an intent, as a given incarnation.
func (w *World) Claim(executor string, in Intent, incarnation [16]byte) uint64 {
	w.t.Helper()
	x := w.members[executor]
	item, err := schemas.Marshal(&pb.Claim{
		IntentDigest: in.Digest[:], Intent: in.Position.Proto(), Executor: x.SPIFFE(), Incarnation: incarnation[:], Number: 1,
	})
	w.must(err)
	return w.Write(executor, schemas.KindClaim, in.Content.GetTool(), x.List(schemas.KindClaim, w.Zone.Ledger, item))
}

// Outcomes reads every outcome on the ledger, in order.
func (w *World) Outcomes() []*pb.Outcome {
	w.t.Helper()
	var all []*pb.Outcome
	for _, item := range w.items(schemas.KindOutcome) {
		o := new(pb.Outcome)
		w.must(schemas.Decode(item, schemas.MaxItem, o))
		all = append(all, o)
	}
	return all
}

// Claims reads every claim on the ledger, in order.
func (w *World) Claims() []*pb.Claim {
	w.t.Helper()
	var all []*pb.Claim
	for _, item := range w.items(schemas.KindClaim) {
		c := new(pb.Claim)
		w.must(schemas.Decode(item, schemas.MaxItem, c))
		all = append(all, c)
	}
	return all
}

func (w *World) items(kind schemas.Kind) [][]byte {
	w.t.Helper()
	var all [][]byte
	for _, raw := range w.Records(kind) {
		env, err := trust.ParseEnvelope(raw.Data)
		w.must(err)
		_, items, err := trust.ParseList(env.Payload)
		w.must(err)
		all = append(all, items...)
	}
	return all
}

// Records reads every record of a kind, in order.
func (w *World) Records(kind schemas.Kind) []ledger.Raw {
	w.t.Helper()
	var all []ledger.Raw
	_, err := streams.Read(w.Soon(), w.conn("g0"), streams.ReadConfig{}, func(raw streams.Raw) error {
		if _, k, _, err := schemas.LedgerSubject(raw.Subject); err == nil && k == kind {
			all = append(all, feed.Raw(raw))
		}
		return nil
	})
	w.must(err)
	return all
}

// String names an intent in failures.
func (i Intent) String() string { return fmt.Sprintf("%s at %s", i.Digest.Short(), i.Position) }
