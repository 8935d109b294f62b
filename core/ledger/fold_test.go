package ledger

import (
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestLogTime: the running maximum of the timestamps, noise's too.
func TestLogTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := begun(t)
		most := l.fold.LogTime()
		for range rapid.IntRange(1, 10).Draw(rt, "records") {
			at := trusttest.Start.Add(time.Duration(rapid.IntRange(-60, 60).Draw(rt, "second")) * time.Second)
			if at.After(most) {
				most = at
			}
			subject := "noise"
			data := []byte("noise")
			if rapid.Bool().Draw(rt, "valid") {
				h := l.list(schemas.KindIntent, "alice", alice)
				subject, data = h.subject(), h.data
			}
			rec, err := l.putAt(at, subject, data)
			if !l.fold.LogTime().Equal(most) {
				rt.Fatalf("log time %v, want %v", l.fold.LogTime(), most)
			}
			if err == nil && !rec.LogTime.Equal(most) {
				rt.Fatalf("the record says %v, want %v", rec.LogTime, most)
			}
		}
	})
}

// TestForeignRecord: what the adapter marks as foreign has neither subject nor
// time. It is noise, and log time stands still.
func TestForeignRecord(t *testing.T) {
	l := begun(t)
	was := l.fold.LogTime()
	if _, err := l.putAt(time.Time{}, "", alice.Credential); schemas.ReasonOf(err) != pb.Reason_REASON_NOISE_SUBJECT {
		t.Error(err)
	}
	if !l.fold.LogTime().Equal(was) {
		t.Errorf("log time went from %v to %v", was, l.fold.LogTime())
	}
}

// TestLogTimeJudges: a record whose own timestamp lies before the end of its
// signer's credential is late all the same when log time has passed that end.
func TestLogTimeJudges(t *testing.T) {
	l := begun(t)
	h := l.list(schemas.KindClaim, "read", executor)
	if _, err := l.putAt(trusttest.Start.Add(trusttest.SVIDLife), "noise", nil); err == nil {
		t.Fatal("noise is taken for a record")
	}
	if _, err := l.putAt(trusttest.Start, h.subject(), h.data); schemas.ReasonOf(err) != pb.Reason_REASON_NOISE_EXPIRED {
		t.Errorf("%v", err)
	}
}

func TestRaiseLogTime(t *testing.T) {
	f := NewFold(trust.Digest{}, nil)
	f.RaiseLogTime(trusttest.Start)
	f.RaiseLogTime(trusttest.Start.Add(-1))
	if !f.LogTime().Equal(trusttest.Start) {
		t.Errorf("log time %v", f.LogTime())
	}
}

func TestPulse(t *testing.T) {
	l := begun(t)
	if l.fold.Pulse() != (Pulse{}) {
		t.Errorf("a pulse before the first: %+v", l.fold.Pulse())
	}
	beat := func(head *pb.Head) Pulse {
		t.Helper()
		p := l.pulse()
		p.Head = head
		l.must(schemas.KindPulse, "", sentinel.Seal(schemas.KindPulse, l.marshal(p)))
		return l.fold.Pulse()
	}
	head := l.fold.Governance().Head()
	good := beat(head.Proto())
	if good.Fault != nil || good.Seq != l.seq || !good.Time.Equal(l.now) || good.Seen != head.Number {
		t.Errorf("a good pulse: %+v", good)
	}
	forked := head
	forked.Digest[0] ^= 1
	if p := beat(forked.Proto()); !errors.Is(p.Fault, governance.ErrForked) {
		t.Errorf("a forged head: %+v", p)
	}
	if p := beat(head.Proto()); p.Fault != nil {
		t.Errorf("a good pulse does not heal: %+v", p)
	}
	if p := beat(&pb.Head{Number: head.Number + 1, Digest: head.Digest[:]}); !errors.Is(p.Fault, governance.ErrWithheld) {
		t.Errorf("a head from beyond: %+v", p)
	}
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")))
	if p := beat(head.Proto()); p.Fault != nil || p.Seen != head.Number {
		t.Errorf("a head that has been passed: %+v", p)
	}
	if p := beat(l.fold.Governance().Head().Proto()); p.Fault != nil || p.Seen != head.Number+1 {
		t.Errorf("the newest head: %+v", p)
	}
	if p := beat(head.Proto()); p.Fault != nil || p.Seen != head.Number+1 {
		t.Errorf("a slower sentinel's pulse: %+v", p)
	}
	was := l.fold.Pulse()
	l.noise(pb.Reason_REASON_NOISE_SUBJECT, "fabric.z2.pulse", sentinel.Seal(schemas.KindPulse, l.marshal(l.pulse())))
	if l.fold.Pulse() != was {
		t.Error("noise counts for a pulse")
	}
}

// TestStalePulse: a pulse counts only near its own clock, so that an old one can
// be repeated for no longer than that. The release says how near.
func TestStalePulse(t *testing.T) {
	skew := trusttest.Bounds().GetMaxClockSkew().AsDuration()
	for _, test := range []struct {
		name string
		off  time.Duration // the sentinel's clock against log time
		ok   bool
	}{
		{"on time", 0, true},
		{"late by the bound", -skew, true},
		{"late by more", -skew - 1, false},
		{"ahead by the bound", skew, true},
		{"ahead by more", skew + 1, false},
		{"of an hour ago", -time.Hour, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := begun(t)
			p := l.pulse()
			p.Clock = timestamppb.New(l.now.Add(tick + test.off))
			data := sentinel.Seal(schemas.KindPulse, l.marshal(p))
			if test.ok {
				l.must(schemas.KindPulse, "", data)
				return
			}
			l.noise(pb.Reason_REASON_NOISE_STALE, schemas.Subject(trusttest.ZoneName, schemas.KindPulse, ""), data)
			if l.fold.Pulse() != (Pulse{}) {
				t.Error("it counts all the same")
			}
		})
	}
}

// TestRepeatedPulse: bytes that were a pulse once never are again, and a
// sentinel's clock moves on (S4).
func TestRepeatedPulse(t *testing.T) {
	l := begun(t)
	subject := schemas.Subject(trusttest.ZoneName, schemas.KindPulse, "")
	earlier := sentinel.Seal(schemas.KindPulse, l.marshal(l.pulse()))
	l.now = l.now.Add(tick)
	data := sentinel.Seal(schemas.KindPulse, l.marshal(l.pulse()))
	l.must(schemas.KindPulse, "", data)
	was := l.fold.Pulse()
	l.noise(pb.Reason_REASON_NOISE_REPLAY, subject, data)
	l.noise(pb.Reason_REASON_NOISE_REPLAY, subject, earlier)
	l.now = l.now.Add(trusttest.Bounds().GetMaxClockSkew().AsDuration())
	l.noise(pb.Reason_REASON_NOISE_STALE, subject, data)
	if l.fold.Pulse() != was {
		t.Error("a repeated pulse keeps the zone alive")
	}
	l.must(schemas.KindPulse, "", sentinel.Seal(schemas.KindPulse, l.marshal(l.pulse())))
}

// TestRotation: a new key works beside the old one, which works until it ends.
func TestRotation(t *testing.T) {
	l, ca := begun(t), trusttest.NewCA()
	second := ca.Rotated(executor, "second")
	h := l.list(schemas.KindClaim, "read", executor)
	l.noise(pb.Reason_REASON_NOISE_SIGNER, h.subject(), l.signedBy(h, second.Key))
	l.must(schemas.KindCredential, "x1", second.Credential)
	l.must(h.kind, h.token, l.signedBy(h, second.Key))
	l.must(h.kind, h.token, h.data)
	if c, ok := l.fold.Credential(second.Key.ID()); !ok || c.ID != executor.ID {
		t.Errorf("credential %+v, %v", c, ok)
	}
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeKey(executor.Key.ID())))
	l.noise(pb.Reason_REASON_NOISE_REVOKED, h.subject(), h.data)
	l.must(h.kind, h.token, l.signedBy(h, second.Key))
}

// TestSameKeyAgain: a renewed SVID for the same key replaces its credential, and
// the older credential cannot be brought back.
func TestSameKeyAgain(t *testing.T) {
	l, ca := begun(t), trusttest.NewCA()
	longer := ca.SVID(executor.ID, func(c *x509.Certificate) { c.NotAfter = trusttest.Start.Add(2 * trusttest.SVIDLife) })
	l.must(schemas.KindCredential, "x1", trusttest.Enroll(longer, executor.ID, executor.Key, trust.Digest{}).Credential)
	l.noise(pb.Reason_REASON_NOISE_REPLAY, "fabric.z1.credential.x1", executor.Credential)
	if c, _ := l.fold.Credential(executor.Key.ID()); !c.Expires.Equal(trusttest.Start.Add(2 * trusttest.SVIDLife)) {
		t.Errorf("the credential ends %v", c.Expires)
	}
}

// TestMaxKeys: an identity holds eight live keys; those that have ended make room.
func TestMaxKeys(t *testing.T) {
	l, ca := begun(t), trusttest.NewCA()
	first := ca.SVID(bob.ID, func(c *x509.Certificate) { c.NotAfter = trusttest.Start.Add(time.Hour) })
	short := trusttest.Enroll(first, bob.ID, trusttest.Key("short"), trust.Digest{})
	l.must(schemas.KindCredential, "bob", short.Credential)
	for i := range maxKeysPerIdentity - 2 { // bob has two already
		l.must(schemas.KindCredential, "bob", ca.Rotated(bob, fmt.Sprint(i)).Credential)
	}
	ninth := ca.Rotated(bob, "ninth").Credential
	l.noise(pb.Reason_REASON_NOISE_CREDENTIAL, "fabric.z1.credential.bob", ninth)
	l.must(schemas.KindCredential, "alice", ca.Rotated(alice, "second").Credential) // nobody else is held up
	l.now = trusttest.Start.Add(time.Hour)
	l.must(schemas.KindCredential, "bob", ninth)
	if _, held := l.fold.Credential(short.Key.ID()); held {
		t.Error("the ended key is held still")
	}
	l.noise(pb.Reason_REASON_NOISE_CREDENTIAL, "fabric.z1.credential.bob", ca.Rotated(bob, "tenth").Credential)
}

func TestSkip(t *testing.T) {
	l := begun(t)
	l.parser.Skip = []schemas.Kind{schemas.KindIntent, schemas.KindGovernance, schemas.KindCredential, schemas.KindPulse}
	h := l.list(schemas.KindIntent, "alice", alice)
	if rec := l.must(h.kind, h.token, []byte("noise, unopened")); !rec.Skipped || rec.Items != nil {
		t.Errorf("%+v", rec)
	}
	l.noise(pb.Reason_REASON_NOISE_SUBJECT, "fabric.z2.intent.alice", h.data)
	if rec := l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.Trip(), sentinel.Key)); rec.Skipped || rec.Effect.Record == nil {
		t.Error("governance can be skipped")
	}
	if rec := l.must(schemas.KindCredential, "alice", trusttest.NewCA().Rotated(alice, "second").Credential); rec.Skipped {
		t.Error("credentials can be skipped")
	}
	if rec := l.must(schemas.KindPulse, "", sentinel.Seal(schemas.KindPulse, l.marshal(l.pulse()))); rec.Skipped || rec.Pulse == nil {
		t.Error("pulses can be skipped")
	}
}

// TestKeysAhead: a known key lets Parse verify, an unknown one leaves it to the
// fold, and a signature that does not verify is never taken for granted.
func TestKeysAhead(t *testing.T) {
	l := begun(t)
	h := l.list(schemas.KindIntent, "alice", alice)
	raw := Raw{Subject: h.subject(), Data: h.data}
	forged := Raw{Subject: h.subject(), Data: l.altered(h.data, func(e *pb.Envelope) { e.Signatures[0].Sig[0] ^= 1 })}
	var zero Keys
	zero.add(alice.Key.Public())
	tests := []struct {
		name string
		keys *Keys
		raw  Raw
		want bool
	}{
		{"known", l.parser.Keys, raw, true},
		{"known, by a zero Keys", &zero, raw, true},
		{"known, forged", l.parser.Keys, forged, false},
		{"unknown", NewKeys(), raw, false},
		{"no Keys at all", nil, raw, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if p := (Parser{Zone: trusttest.ZoneName, Keys: test.keys}).Parse(test.raw); p.verified != test.want || p.refusal != nil {
				t.Errorf("verified %v, refusal %v", p.verified, p.refusal)
			}
		})
	}
}

// TestKeysAnticipated: what follows a credential can be verified before the fold
// has judged the credential, and is nobody's until it has. Credentials that
// nobody issued fill no memory.
func TestKeysAnticipated(t *testing.T) {
	l := begun(t)
	h := l.list(schemas.KindIntent, "alice", alice)
	keys := NewKeys()
	parser := Parser{Zone: trusttest.ZoneName, Keys: keys}
	credential := func(data []byte) {
		parser.Parse(Raw{Seq: 1, Subject: schemas.Subject(trusttest.ZoneName, schemas.KindCredential, "alice"), Data: data})
	}
	stranger := trusttest.NewCA().Rotated(alice, "stranger") // of an issuer that no release names
	credential(stranger.Credential)
	p := parser.Parse(Raw{Seq: 2, Subject: h.subject(), Data: stranger.List(schemas.KindIntent, l.zone.Ledger, []byte("item"))})
	if !p.verified {
		t.Error("a record behind a credential is not verified ahead")
	}
	fold := NewFold(l.zone.Ledger, keys)
	if _, err := fold.Step(p); schemas.ReasonOf(err) != pb.Reason_REASON_NOISE_SIGNER {
		t.Errorf("its signer counts: %v", err)
	}
	for i := range maxEarly + 100 {
		public := make([]byte, 32)
		binary.BigEndian.PutUint64(public, uint64(i))
		payload, err := proto.Marshal(&pb.Credential{PublicKey: public})
		if err != nil {
			t.Fatal(err)
		}
		data, err := trust.Seal(schemas.KindCredential.PayloadType(), payload, stranger.Key)
		if err != nil {
			t.Fatal(err)
		}
		credential(data)
	}
	if n := keys.early.Load(); n != maxEarly {
		t.Errorf("%d keys of nobody are kept, at most %d may be", n, maxEarly)
	}
	(*Keys)(nil).anticipate(&trust.Envelope{}) // does nothing, and does not panic
}

// TestVouch: what this process sealed itself is not verified again; nothing else
// is vouched for by that, and the oldest are forgotten.
func TestVouch(t *testing.T) {
	var none *Keys
	none.Vouch([]byte("x")) // does nothing, and does not panic
	var zero Keys
	zero.Vouch([]byte("x"))
	if !zero.isVouched([]byte("x")) || zero.isVouched([]byte("y")) {
		t.Error("a zero Keys remembers wrongly")
	}
	keys := NewKeys()
	for i := range maxVouched + 1 {
		keys.Vouch(fmt.Append(nil, i))
		keys.Vouch(fmt.Append(nil, i)) // twice is once
	}
	if keys.isVouched(fmt.Append(nil, 0)) || !keys.isVouched(fmt.Append(nil, 1)) || !keys.isVouched(fmt.Append(nil, maxVouched)) {
		t.Error("not exactly the newest are remembered")
	}
	if len(keys.order) != maxVouched || len(keys.vouched) != maxVouched {
		t.Errorf("%d in order, %d vouched", len(keys.order), len(keys.vouched))
	}
}

// heard is what a follower gets from a message.
func heard(rec Record, err error) string {
	return fmt.Sprintf("%d %v %s %q %s items %d %v effect %s %v: %v", rec.Seq, rec.LogTime, rec.Kind, rec.Token,
		rec.Signer.ID, len(rec.Items), rec.ListErr, rec.Effect.ID.Short(), rec.Effect.Epoch, err)
}

// TestAheadEqualsInFold: messages parsed in parallel, ahead of the fold, with
// every key known from the start, give what they give parsed one by one without
// any (S5).
func TestAheadEqualsInFold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := randomTape(t, rt)
		warm := NewKeys()
		for _, m := range everybody {
			warm.add(m.Key.Public())
		}
		ahead := make([]*Parsed, len(l.raws))
		done := make(chan int)
		for i, raw := range l.raws {
			go func() {
				ahead[i] = Parser{Zone: trusttest.ZoneName, Keys: warm}.Parse(raw)
				done <- i
			}()
		}
		for range l.raws {
			<-done
		}
		a, b := NewFold(l.zone.Ledger, warm), NewFold(l.zone.Ledger, nil)
		for i, raw := range l.raws {
			recA, errA := a.Step(ahead[i])
			recB, errB := b.Step(Parser{Zone: trusttest.ZoneName}.Parse(raw))
			if x, y := heard(recA, errA), heard(recB, errB); x != y {
				rt.Fatalf("ahead: %s\nin the fold: %s", x, y)
			}
		}
		if a.Governance().Head() != b.Governance().Head() || fmt.Sprint(a.Pulse()) != fmt.Sprint(b.Pulse()) || !a.LogTime().Equal(b.LogTime()) {
			rt.Fatal("the folds differ at the end")
		}
	})
}

// randomTape mixes honest records, copies, tampered ones and credentials in any
// order.
func randomTape(t *testing.T, rt *rapid.T) *tape {
	t.Helper()
	l := blank(t)
	l.must(schemas.KindGovernance, "", l.zone.Genesis)
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.Released(l.zone.Release())))
	for range rapid.IntRange(5, 25).Draw(rt, "records") {
		h := rapid.SampledFrom(l.signedKinds()).Draw(rt, "record")
		switch rapid.IntRange(0, 5).Draw(rt, "what") {
		case 0, 1:
			m := rapid.SampledFrom(everybody).Draw(rt, "who")
			h = honest{schemas.KindCredential, m.ID.Name, m, m.Credential}
		case 2:
			m := rapid.SampledFrom(everybody).Draw(rt, "signer")
			h.data = l.signedBy(h, m.Key)
		case 3:
			data := slices.Clone(h.data)
			data[rapid.IntRange(0, len(data)-1).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			h.data = data
		case 4:
			h = honest{schemas.KindGovernance, "", h.writer, l.zone.Seal(trusttest.Trip(), sentinel.Key)}
		}
		_, _ = l.put(h.subject(), h.data)
	}
	return l
}

func TestPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) Position {
			return Position{Seq: rapid.Uint64Range(1, 1<<50).Draw(t, "seq"), Index: rapid.Uint32Range(0, schemas.MaxItems-1).Draw(t, "index")}
		})
		p, q := draw.Draw(t, "p"), draw.Draw(t, "q")
		if back, err := ParsePosition(p.String()); err != nil || back != p {
			t.Fatalf("%s → %v, %v", p, back, err)
		}
		if PositionOf(p.Proto()) != p {
			t.Fatal("another position comes back from the record")
		}
		if c := p.Compare(q); c != -q.Compare(p) || (c == 0) != (p == q) || (c < 0) != (p.Token() < q.Token()) {
			t.Fatalf("%s against %s: %d, tokens %d and %d", p, q, c, p.Token(), q.Token())
		}
	})
	if p, err := ParsePosition("17"); err != nil || p != (Position{Seq: 17}) {
		t.Errorf("17 → %v, %v", p, err)
	}
	for _, s := range []string{"", "0", "0.1", "-1", "+1", "1.", ".1", "1.512", "1.-1", "1.1.1", "a", "1 ", fmt.Sprint(uint64(math.MaxUint64)) + "0"} {
		if p, err := ParsePosition(s); err == nil || p != (Position{}) {
			t.Errorf("%q → %v, %v", s, p, err)
		}
	}
}

// FuzzParseStep: any bytes on any subject are a record or noise with a reason;
// nothing panics, and what is noise changes nothing (tape.put compares).
func FuzzParseStep(f *testing.F) {
	l := begun(f)
	for _, h := range l.signedKinds() {
		f.Add(h.subject(), h.data)
	}
	f.Add("fabric.z1.governance", l.zone.Seal(trusttest.Trip(), sentinel.Key))
	f.Add("fabric.z1.credential.alice", alice.Credential)
	f.Add("fabric.z1.pulse", []byte(`{"stream":"LEDGER_z1","seq":7}`))
	f.Fuzz(func(t *testing.T, subject string, data []byte) {
		_, _ = begun(t).put(subject, data)
	})
}
