package ledger

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// beatSpan appends a pulse that names what a sentinel found.
func (l *tape) beatSpan(span *pb.Span) Pulse {
	l.t.Helper()
	p := l.pulse()
	p.Span = span
	l.must(schemas.KindPulse, "", sentinel.Seal(schemas.KindPulse, l.marshal(p)))
	return l.fold.Pulse()
}

// TestSpan: whoever was shown the same ledger agrees, whoever was shown another
// does not, and stays so.
func TestSpan(t *testing.T) {
	for name, change := range map[string]func(*Raw){
		"data":    func(r *Raw) { r.Data = append([]byte{0}, r.Data...) },
		"subject": func(r *Raw) { r.Subject = "fabric.z1.pulse" },
		"time":    func(r *Raw) { r.Time = r.Time.Add(time.Nanosecond) },
		"untold":  func(r *Raw) { r.Time = time.Time{} },
		"none":    func(*Raw) {},
	} {
		honest, other := begun(t), begun(t)
		raw := Raw{Seq: honest.seq + 1, Time: honest.now, Subject: "fabric.z1.claim.pay", Data: []byte("noise all the same")}
		from := raw.Seq
		_, _ = honest.putAt(raw.Time, raw.Subject, raw.Data)
		change(&raw)
		other.seq++
		_, _ = other.fold.Step(other.parser.Parse(raw))
		span := other.fold.Span(from)
		if span.GetFrom() != from || span.GetTo() != from {
			t.Fatalf("%s: the span is %v", name, span)
		}
		fault := honest.beatSpan(span).Fault
		if got := errors.Is(fault, ErrShownAnother); got != (name != "none") {
			t.Errorf("%s: %v", name, fault)
		}
		// The next pulse is fine in itself, and does not heal what is broken.
		if got := honest.beatSpan(honest.fold.Span(honest.seq)).Fault; (got == nil) != (name == "none") {
			t.Errorf("%s, one pulse later: %v", name, got)
		}
	}
}

// TestSpanMalformed: a sentinel that names what cannot have been read is not
// believed in anything.
func TestSpanMalformed(t *testing.T) {
	for name, span := range map[string]func(at uint64) *pb.Span{
		"itself":    func(at uint64) *pb.Span { return &pb.Span{From: at, To: at} },
		"beyond":    func(at uint64) *pb.Span { return &pb.Span{From: 1, To: at + 9} },
		"backwards": func(at uint64) *pb.Span { return &pb.Span{From: at - 1, To: at - 2} },
	} {
		l := begun(t)
		s := span(l.seq + 1)
		s.Digest = make([]byte, 32)
		if fault := l.beatSpan(s).Fault; !errors.Is(fault, ErrShownAnother) {
			t.Errorf("%s: %v", name, fault)
		}
	}
}

// TestSpanUnread: a follower that began later compares what it has read, and is
// not confused by what it has not.
func TestSpanUnread(t *testing.T) {
	l := begun(t)
	l.fold.trail = trail{}
	if l.fold.Span(1) != nil {
		t.Error("a span of what was never read")
	}
	_, _ = l.put("noise", nil)
	if span := l.fold.Span(1); span.GetFrom() != l.seq || span.GetTo() != l.seq {
		t.Errorf("one position was read, the span is %v", span)
	}
	if fault := l.beatSpan(&pb.Span{From: 1, To: l.seq, Digest: make([]byte, 32)}).Fault; fault != nil {
		t.Error(fault)
	}
}

func TestTrailIsBounded(t *testing.T) {
	var all trail
	const n = 5 * MaxSpan / 2
	for seq := uint64(10); seq < 10+n; seq++ {
		all.add(seq, trust.DigestOf([]byte{byte(seq), byte(seq >> 8)}))
	}
	last := uint64(10 + n - 1)
	if len(all.leaves) >= 2*MaxSpan || cap(all.leaves) > 3*MaxSpan {
		t.Errorf("%d leaves are kept", len(all.leaves))
	}
	if _, ok := all.digest(last-MaxSpan+1, last); !ok {
		t.Error("the newest span of the largest size is not there")
	}
	for name, span := range map[string][2]uint64{"too long": {last - MaxSpan, last}, "forgotten": {10, 12}, "to come": {last, last + 1}, "backwards": {last, last - 1}} {
		if _, ok := all.digest(span[0], span[1]); ok {
			t.Errorf("%s: a digest", name)
		}
	}
	short := trail{}
	short.add(last, trust.DigestOf([]byte{byte(last), byte(last >> 8)}))
	one, _ := short.digest(last, last)
	if same, _ := all.digest(last, last); one != same {
		t.Error("one position, two digests")
	}
	short.add(last+7, trust.Digest{}) // a gap begins anew
	if _, ok := short.digest(last, last); ok {
		t.Error("a span across a gap")
	}
}

// TestHeartbeat: a heartbeat counts for whoever signed it, on his own subject.
func TestHeartbeat(t *testing.T) {
	l := begun(t)
	own := schemas.Subject(trusttest.ZoneName, schemas.KindHeartbeat, "executor.x1")
	beat := func(change func(*pb.Heartbeat)) []byte {
		hb := &pb.Heartbeat{
			Ledger: l.zone.Ledger[:], Participant: executor.SPIFFE(), Incarnation: make([]byte, 16), Counter: 1,
			Head: l.fold.Governance().Head().Proto(), BuildDigest: make([]byte, 32), ConfigDigest: make([]byte, 32), Clock: timestamppb.New(l.now),
		}
		change(hb)
		return l.marshal(hb)
	}
	same := func(*pb.Heartbeat) {}
	for name, tc := range map[string]struct {
		subject string
		data    []byte
		want    pb.Reason
	}{
		"good":            {own, executor.Seal(schemas.KindHeartbeat, beat(same)), 0},
		"another subject": {schemas.Subject(trusttest.ZoneName, schemas.KindHeartbeat, "executor.x2"), executor.Seal(schemas.KindHeartbeat, beat(same)), pb.Reason_REASON_NOISE_SUBJECT},
		"another zone":    {"heartbeat.z2.executor.x1", executor.Seal(schemas.KindHeartbeat, beat(same)), pb.Reason_REASON_NOISE_SUBJECT},
		"another signer":  {own, enforcer.Seal(schemas.KindHeartbeat, beat(same)), pb.Reason_REASON_NOISE_NAME},
		"another name": {own, executor.Seal(schemas.KindHeartbeat, beat(func(hb *pb.Heartbeat) {
			hb.Participant = enforcer.SPIFFE()
		})), pb.Reason_REASON_NOISE_NAME},
		"another ledger": {own, executor.Seal(schemas.KindHeartbeat, beat(func(hb *pb.Heartbeat) { hb.Ledger = make([]byte, 32) })), pb.Reason_REASON_NOISE_LEDGER},
		"no heartbeat":   {own, executor.Seal(schemas.KindHeartbeat, []byte("junk")), pb.Reason_REASON_NOISE_RECORD},
		"no head":        {own, executor.Seal(schemas.KindHeartbeat, beat(func(hb *pb.Heartbeat) { hb.Head = nil })), pb.Reason_REASON_NOISE_RECORD},
		"another kind":   {own, executor.Seal(schemas.KindPulse, beat(same)), pb.Reason_REASON_NOISE_PAYLOAD_TYPE},
		"no envelope":    {own, []byte("junk"), pb.Reason_REASON_NOISE_ENVELOPE},
		"unknown key":    {own, l.sealed(schemas.KindHeartbeat, beat(same), trusttest.Key("stranger to all")), pb.Reason_REASON_NOISE_SIGNER},
		"two signatures": {own, l.sealed(schemas.KindHeartbeat, beat(same), executor.Key, enforcer.Key), pb.Reason_REASON_NOISE_SIGNER},
		"an agent": {schemas.Subject(trusttest.ZoneName, schemas.KindHeartbeat, "agent.alice"), alice.Seal(schemas.KindHeartbeat, beat(func(hb *pb.Heartbeat) {
			hb.Participant = alice.SPIFFE()
		})), pb.Reason_REASON_NOISE_ROLE},
		"altered": {own, l.altered(executor.Seal(schemas.KindHeartbeat, beat(same)), func(env *pb.Envelope) {
			env.Payload = beat(func(hb *pb.Heartbeat) { hb.Counter = 2 })
		}), pb.Reason_REASON_NOISE_SIGNATURE},
	} {
		hb, cred, err := l.fold.Heartbeat(tc.subject, tc.data)
		if schemas.ReasonOf(err) != tc.want || (err == nil) != (hb != nil) || (err == nil) != (cred.ID == executor.ID) {
			t.Errorf("%s: %v, %v, want %s", name, cred.ID, err, schemas.ReasonCode(tc.want))
		}
	}
}

// TestLiarRevoked: governors who find that it was the sentinel end the break by
// revoking its identity; revoking somebody else does not.
func TestLiarRevoked(t *testing.T) {
	l := begun(t)
	_, _ = l.put("noise", nil)
	if l.beatSpan(&pb.Span{From: l.seq, To: l.seq, Digest: make([]byte, 32)}).Fault == nil {
		t.Fatal("no fault")
	}
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeIdentity(bob.ID)))
	if l.fold.broken == nil {
		t.Error("healed by the revocation of somebody else")
	}
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeIdentity(sentinel.ID)))
	if l.fold.broken != nil {
		t.Errorf("still believed: %v", l.fold.broken)
	}
}
