package ledger

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// noiseOn is one way to be noise. Make builds it from an honest record; nil
// means that the kind cannot be noise in this way, and says so by not being
// there.
type noiseOn struct {
	name string
	want pb.Reason
	make func(l *tape, h honest) (subject string, data []byte)
}

// sharedNoise is noise on every subject that one participant signs.
var sharedNoise = []noiseOn{
	{"another zone", pb.Reason_REASON_NOISE_SUBJECT, func(_ *tape, h honest) (string, []byte) {
		return schemas.Subject("z2", h.kind, h.token), h.data
	}},
	{"a token too many", pb.Reason_REASON_NOISE_SUBJECT, func(_ *tape, h honest) (string, []byte) {
		return h.subject() + ".more.tokens", h.data
	}},
	{"another stream's subject", pb.Reason_REASON_NOISE_SUBJECT, func(_ *tape, h honest) (string, []byte) {
		return "live." + h.subject(), h.data
	}},
	{"no such kind", pb.Reason_REASON_NOISE_SUBJECT, func(_ *tape, h honest) (string, []byte) {
		return "fabric.z1.verdict", h.data
	}},
	{"with headers of its own", pb.Reason_REASON_NOISE_SUBJECT, func(_ *tape, h honest) (string, []byte) {
		return "", h.data // the adapter leaves the subject of such a message empty
	}},
	{"nothing", pb.Reason_REASON_NOISE_ENVELOPE, func(_ *tape, h honest) (string, []byte) { return h.subject(), nil }},
	{"a PubAck", pb.Reason_REASON_NOISE_ENVELOPE, func(_ *tape, h honest) (string, []byte) {
		return h.subject(), []byte(`{"stream":"LEDGER_z1","seq":7}`)
	}},
	{"truncated", pb.Reason_REASON_NOISE_ENVELOPE, func(_ *tape, h honest) (string, []byte) {
		return h.subject(), h.data[:len(h.data)-1]
	}},
	{"an unknown field", pb.Reason_REASON_NOISE_ENVELOPE, func(_ *tape, h honest) (string, []byte) {
		return h.subject(), append(bytes.Clone(h.data), 0x78, 1)
	}},
	{"an embedded credential", pb.Reason_REASON_NOISE_ENVELOPE, func(l *tape, h honest) (string, []byte) {
		return h.subject(), l.altered(h.data, func(e *pb.Envelope) { e.Signatures[0].Credential = []byte{1} })
	}},
	{"another payload type", pb.Reason_REASON_NOISE_PAYLOAD_TYPE, func(l *tape, h honest) (string, []byte) {
		return h.subject(), l.altered(h.data, func(e *pb.Envelope) { e.PayloadType = "text/plain" })
	}},
}

// signedNoise is noise on subjects of records that carry one signature.
var signedNoise = []noiseOn{
	{"two signatures", pb.Reason_REASON_NOISE_SIGNER, func(l *tape, h honest) (string, []byte) {
		return h.subject(), l.altered(h.data, func(e *pb.Envelope) { e.Signatures = append(e.Signatures, e.GetSignatures()[0]) })
	}},
	{"a key without credential", pb.Reason_REASON_NOISE_SIGNER, func(l *tape, h honest) (string, []byte) {
		return h.subject(), l.signedBy(h, trusttest.Key("nobody's"))
	}},
	{"a key under another's id", pb.Reason_REASON_NOISE_SIGNATURE, func(l *tape, h honest) (string, []byte) {
		return h.subject(), l.altered(h.data, func(e *pb.Envelope) {
			e.Signatures[0].Sig = trusttest.Key("nobody's").Sign(trust.PAE(e.GetPayloadType(), e.GetPayload()))
		})
	}},
	{"another payload under the signature", pb.Reason_REASON_NOISE_SIGNATURE, func(l *tape, h honest) (string, []byte) {
		return h.subject(), l.altered(h.data, func(e *pb.Envelope) { e.Payload[len(e.GetPayload())-1] ^= 1 })
	}},
	{"signed by another role", pb.Reason_REASON_NOISE_ROLE, func(l *tape, h honest) (string, []byte) {
		wrong := bob
		if h.kind == schemas.KindIntent {
			wrong = enforcer
		}
		return h.subject(), l.signedBy(h, wrong.Key)
	}},
}

func (l *tape) altered(data []byte, change func(*pb.Envelope)) []byte {
	l.t.Helper()
	var env pb.Envelope
	if err := proto.Unmarshal(data, &env); err != nil {
		l.t.Fatal(err)
	}
	change(&env)
	return l.marshal(&env)
}

// signedBy signs the payload of an honest record by another key.
func (l *tape) signedBy(h honest, key *trust.SigningKey) []byte {
	l.t.Helper()
	return l.sealed(h.kind, trusttest.Payload(h.data), key)
}

func (l *tape) sealed(kind schemas.Kind, payload []byte, keys ...*trust.SigningKey) []byte {
	l.t.Helper()
	data, err := trust.Seal(kind.PayloadType(), payload, keys...)
	if err != nil {
		l.t.Fatal(err)
	}
	return data
}

// TestHonestRecords: what the tables below break is whole before.
func TestHonestRecords(t *testing.T) {
	l := begun(t)
	for _, h := range l.signedKinds() {
		rec := l.must(h.kind, h.token, h.data)
		if rec.Signer.ID != h.writer.ID || rec.Skipped || rec.ListErr != nil {
			t.Errorf("%s: %+v", h.kind, rec)
		}
		info, _ := h.kind.Info()
		if info.List && (len(rec.Items) != 1 || string(rec.Items[0].Bytes) != "item" || rec.Items[0].Digest != trust.DigestOf([]byte("item"))) {
			t.Errorf("%s: items %+v", h.kind, rec.Items)
		}
		if (rec.Pulse != nil) != (h.kind == schemas.KindPulse) || (rec.Approval != nil) != (h.kind == schemas.KindApproval) {
			t.Errorf("%s: pulse %v, approval %v", h.kind, rec.Pulse, rec.Approval)
		}
	}
}

func TestNoise(t *testing.T) {
	l := begun(t)
	other := []honest{
		{schemas.KindGovernance, "", trusttest.Member{}, l.zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))},
		{schemas.KindCredential, "alice", alice, trusttest.NewCA().Rotated(alice, "second").Credential},
	}
	for _, h := range l.signedKinds() {
		for _, n := range slices.Concat(sharedNoise, signedNoise) {
			t.Run(h.kind.String()+"/"+n.name, func(t *testing.T) {
				l.t = t
				subject, data := n.make(l, h)
				l.noise(n.want, subject, data)
			})
		}
	}
	for _, h := range other {
		for _, n := range sharedNoise {
			t.Run(h.kind.String()+"/"+n.name, func(t *testing.T) {
				l.t = t
				subject, data := n.make(l, h)
				l.noise(n.want, subject, data)
			})
		}
	}
	l.t = t
	for _, h := range append(l.signedKinds(), other...) { // and after all of it everybody works on
		l.must(h.kind, h.token, h.data)
	}
}

// TestCopies: a record on the subject of any other kind is noise.
func TestCopies(t *testing.T) {
	l := begun(t)
	all := append(l.signedKinds(),
		honest{schemas.KindGovernance, "", trusttest.Member{}, l.zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))},
		honest{schemas.KindCredential, "alice", alice, trusttest.NewCA().Rotated(alice, "second").Credential})
	for _, from := range all {
		for _, to := range all {
			if from.kind != to.kind {
				l.noise(pb.Reason_REASON_NOISE_PAYLOAD_TYPE, to.subject(), from.data)
			}
		}
	}
	l.noise(pb.Reason_REASON_NOISE_NAME, schemas.Subject(trusttest.ZoneName, schemas.KindIntent, "bob"), all[0].data)
}

// TestContent: noise by what the record says.
func TestContent(t *testing.T) {
	l := begun(t)
	foreign, wrongList := trust.Digest{1}, []byte("garbage")
	for _, h := range l.signedKinds() {
		info, _ := h.kind.Info()
		if !info.List || h.kind == schemas.KindIntent {
			continue
		}
		l.noise(pb.Reason_REASON_NOISE_RECORD, h.subject(), l.sealed(h.kind, wrongList, h.writer.Key))
		l.noise(pb.Reason_REASON_NOISE_LEDGER, h.subject(), h.writer.List(h.kind, foreign, []byte("item")))
	}
	pulse, approval := schemas.Subject("z1", schemas.KindPulse, ""), schemas.Subject("z1", schemas.KindApproval, "")
	pulseOf := func(change func(*pb.Pulse)) []byte {
		p := l.pulse()
		change(p)
		return sentinel.Seal(schemas.KindPulse, l.marshal(p))
	}
	approvalOf := func(change func(*pb.Approval)) []byte {
		a := l.approval()
		change(a)
		return approver.Seal(schemas.KindApproval, l.marshal(a))
	}
	l.noise(pb.Reason_REASON_NOISE_RECORD, pulse, pulseOf(func(p *pb.Pulse) { p.Counter = 0 }))
	l.noise(pb.Reason_REASON_NOISE_RECORD, pulse, pulseOf(func(p *pb.Pulse) { p.Head = nil }))
	l.noise(pb.Reason_REASON_NOISE_LEDGER, pulse, pulseOf(func(p *pb.Pulse) { p.Ledger = foreign[:] }))
	l.noise(pb.Reason_REASON_NOISE_NAME, pulse, pulseOf(func(p *pb.Pulse) { p.Sentinel = alice.SPIFFE() }))
	l.noise(pb.Reason_REASON_NOISE_RECORD, approval, approvalOf(func(a *pb.Approval) { a.IntentDigest = nil }))
	l.noise(pb.Reason_REASON_NOISE_LEDGER, approval, approvalOf(func(a *pb.Approval) { a.Ledger = foreign[:] }))
	l.noise(pb.Reason_REASON_NOISE_NAME, approval, approvalOf(func(a *pb.Approval) { a.Approver = alice.SPIFFE() }))
}

// TestAuthenticButUseless: an agent's own list gets a DENY even when it cannot be
// read or its writer has lost his standing, so it is a record, not noise.
func TestAuthenticButUseless(t *testing.T) {
	l := begun(t)
	for name, data := range map[string][]byte{
		"garbage":           l.sealed(schemas.KindIntent, []byte("garbage"), alice.Key),
		"for a foreign one": alice.List(schemas.KindIntent, trust.Digest{1}, []byte("item")),
	} {
		rec := l.must(schemas.KindIntent, "alice", data)
		if rec.ListErr == nil || rec.Signer.ID != alice.ID || rec.PayloadDigest != trust.DigestOf(trusttest.Payload(data)) {
			t.Errorf("%s: %+v", name, rec)
		}
	}
	for _, m := range []trusttest.Member{stranger, alice} {
		if m.ID == alice.ID {
			l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeIdentity(alice.ID)))
		}
		rec := l.must(schemas.KindIntent, m.ID.Name, m.List(schemas.KindIntent, l.zone.Ledger, []byte("item")))
		if _, ok := l.fold.Standing(rec.Signer); ok || rec.ListErr != nil {
			t.Errorf("%s: standing %v, %+v", m.ID, ok, rec)
		}
	}
}

// TestStanding: each way to lose one's standing silences every kind but intents.
func TestStanding(t *testing.T) {
	tests := []struct {
		name string
		want pb.Reason
		lose func(l *tape, m trusttest.Member)
	}{
		{"not enrolled any more", pb.Reason_REASON_NOISE_UNENROLLED, func(l *tape, m trusttest.Member) {
			l.rerelease(func(p *pb.Release) {
				for _, e := range p.GetDirectory() {
					if e.GetName() == m.ID.Name {
						e.Name = "somebody-else"
					}
				}
			})
		}},
		{"enrolled in another role", pb.Reason_REASON_NOISE_UNENROLLED, func(l *tape, m trusttest.Member) {
			l.rerelease(func(p *pb.Release) {
				p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_ENFORCER, "e2"))
				p.Directory[len(p.Directory)-1].Rank = 1
				for _, e := range p.GetDirectory() {
					if e.GetName() == m.ID.Name {
						e.Role = pb.Role_ROLE_AUDITOR
					}
				}
			})
		}},
		{"key revoked", pb.Reason_REASON_NOISE_REVOKED, func(l *tape, m trusttest.Member) {
			l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeKey(m.Key.ID())))
		}},
		{"identity revoked", pb.Reason_REASON_NOISE_REVOKED, func(l *tape, m trusttest.Member) {
			l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeIdentity(m.ID)))
		}},
		{"expired", pb.Reason_REASON_NOISE_EXPIRED, func(l *tape, _ trusttest.Member) {
			l.now = trusttest.Start.Add(trusttest.SVIDLife)
		}},
		{"bound to another build", pb.Reason_REASON_NOISE_BUILD, func(l *tape, m trusttest.Member) {
			build := trust.DigestOf([]byte("build"))
			l.rerelease(func(p *pb.Release) {
				for _, e := range p.GetDirectory() {
					if e.GetName() == m.ID.Name {
						e.Builds = [][]byte{build[:]}
					}
				}
			})
		}},
	}
	for _, test := range tests {
		for i, h := range blank(t).signedKinds() {
			t.Run(test.name+"/"+h.kind.String(), func(t *testing.T) {
				l := begun(t)
				l.must(h.kind, h.token, l.signedKinds()[i].data)
				test.lose(l, h.writer)
				h := l.signedKinds()[i]
				if h.kind != schemas.KindIntent {
					l.noise(test.want, h.subject(), h.data)
					return
				}
				rec := l.must(h.kind, h.token, h.data)
				if reason, ok := l.fold.Standing(rec.Signer); ok || reason != test.want {
					t.Errorf("standing %v, %s", ok, schemas.ReasonCode(reason))
				}
			})
		}
	}
}

// rerelease replaces the release in force.
func (l *tape) rerelease(change func(*pb.Release)) {
	l.t.Helper()
	now := l.fold.Governance().Release()
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.Released(l.zone.Release(func(p *pb.Release) {
		p.Version, p.Replaces = now.Proto.GetVersion()+1, now.Digest[:]
	}, change))))
}

// TestGovernanceNoise: the fold passes the refusals of core/governance on, and
// vouches for a sentinel only if his standing is good.
func TestGovernanceNoise(t *testing.T) {
	subject := schemas.Subject(trusttest.ZoneName, schemas.KindGovernance, "")
	early := blank(t)
	for _, h := range early.signedKinds() {
		early.noise(pb.Reason_REASON_NOISE_SIGNER, h.subject(), h.data)
	}
	early.noise(pb.Reason_REASON_NOISE_CREDENTIAL, schemas.Subject(trusttest.ZoneName, schemas.KindCredential, "alice"), alice.Credential)
	early.noise(pb.Reason_REASON_NOISE_GENESIS, subject, early.zone.Seal(trusttest.Trip()))
	early.noise(pb.Reason_REASON_NOISE_GENESIS, subject, trusttest.NewZone(1, 2).Genesis)

	l := begun(t)
	foreign := trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")
	foreign.Ledger = make([]byte, 32)
	l.noise(pb.Reason_REASON_NOISE_REPLAY, subject, l.zone.Genesis)
	l.noise(pb.Reason_REASON_NOISE_RECORD, subject, l.sealed(schemas.KindGovernance, []byte("garbage"), l.zone.Governors...))
	l.noise(pb.Reason_REASON_NOISE_LEDGER, subject, l.zone.Seal(foreign))
	l.noise(pb.Reason_REASON_NOISE_THRESHOLD, subject, l.zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""), alice.Key))
	l.noise(pb.Reason_REASON_NOISE_CHAIN, subject, l.zone.Seal(trusttest.Resume(trust.Digest{1})))

	trip := func(keys ...*trust.SigningKey) []byte { return l.zone.Seal(trusttest.Trip(), keys...) }
	l.noise(pb.Reason_REASON_NOISE_ROLE, subject, trip(alice.Key))
	l.noise(pb.Reason_REASON_NOISE_ROLE, subject, trip(trusttest.Key("nobody's")))
	l.noise(pb.Reason_REASON_NOISE_ROLE, subject, l.altered(trip(sentinel.Key), func(e *pb.Envelope) {
		e.Signatures[0].Sig = trusttest.Key("nobody's").Sign(trust.PAE(e.GetPayloadType(), e.GetPayload()))
	}))
	if rec := l.must(schemas.KindGovernance, "", trip(sentinel.Key)); rec.Effect.Record.GetTrip() == nil {
		t.Errorf("a trip took effect as %+v", rec.Effect)
	}
	l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.RevokeIdentity(sentinel.ID)))
	l.noise(pb.Reason_REASON_NOISE_ROLE, subject, trip(sentinel.Key))
}

func TestCredentialNoise(t *testing.T) {
	l, ca := begun(t), trusttest.NewCA()
	subject := func(name string) string { return schemas.Subject(trusttest.ZoneName, schemas.KindCredential, name) }
	enroll := func(id trust.Identity) trusttest.Member {
		return trusttest.Enroll(ca.SVID(id), id, trusttest.Key(id.String()+" new"), trust.Digest{})
	}
	elsewhere, domain := alice.ID, alice.ID
	elsewhere.Zone, domain.TrustDomain = "z2", "example.org"

	l.noise(pb.Reason_REASON_NOISE_REPLAY, subject("alice"), alice.Credential)
	l.noise(pb.Reason_REASON_NOISE_NAME, subject("bob"), enroll(alice.ID).Credential)
	l.noise(pb.Reason_REASON_NOISE_NAME, subject("alice"), enroll(elsewhere).Credential)
	l.noise(pb.Reason_REASON_NOISE_NAME, subject("alice"), enroll(domain).Credential)
	l.noise(pb.Reason_REASON_NOISE_ROLE, subject("g0"), enroll(trusttest.ID(pb.Role_ROLE_GOVERNOR, "g0")).Credential)
	l.noise(pb.Reason_REASON_NOISE_CREDENTIAL, subject("alice"), trusttest.NewNamedCA("other").Rotated(alice, "other").Credential)
	l.noise(pb.Reason_REASON_NOISE_CREDENTIAL, subject("bob"), trusttest.Enroll(ca.SVID(bob.ID), bob.ID, alice.Key, trust.Digest{}).Credential)
	l.noise(pb.Reason_REASON_NOISE_CREDENTIAL, subject("alice"), l.altered(enroll(alice.ID).Credential, func(e *pb.Envelope) { e.Signatures = e.Signatures[:1] }))
	old := ca.SVID(alice.ID, func(c *x509.Certificate) { c.NotAfter = trusttest.Start.Add(time.Second) })
	l.now = trusttest.Start.Add(time.Second)
	l.noise(pb.Reason_REASON_NOISE_CREDENTIAL, subject("alice"), trusttest.Enroll(old, alice.ID, trusttest.Key("late"), trust.Digest{}).Credential)
}
