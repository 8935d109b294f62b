package permit_test

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// world is a ledger with three enforcers, two executors that serve "read" and
// one, x3, that does not, followed by the book of x1.
type world struct {
	tb   rapid.TB
	zone *trusttest.Zone
	fold *ledger.Fold
	book *permit.Book
	now  time.Time
	seq  uint64

	parser                     ledger.Parser
	e1, e2, e3, x1, x2, x3, s1 trusttest.Member
	incarnation                [16]byte
	intents, pulses            uint64
}

// request is an intent as it stands on the ledger.
type request struct {
	bytes  []byte
	intent *pb.Intent
	digest trust.Digest
	at     ledger.Position
}

func newWorld(tb rapid.TB, threshold uint32) *world {
	tb.Helper()
	member := trusttest.NewMember
	w := &world{
		tb: tb, zone: trusttest.NewZone(1, 1), now: trusttest.Start, incarnation: [16]byte{1},
		e1: member(pb.Role_ROLE_ENFORCER, "e1"), e2: member(pb.Role_ROLE_ENFORCER, "e2"), e3: member(pb.Role_ROLE_ENFORCER, "e3"),
		x1: member(pb.Role_ROLE_EXECUTOR, "x1"), x2: member(pb.Role_ROLE_EXECUTOR, "x2"), x3: member(pb.Role_ROLE_EXECUTOR, "x3"),
		s1: member(pb.Role_ROLE_SENTINEL, "s1"),
	}
	keys := ledger.NewKeys()
	w.parser, w.fold = ledger.Parser{Zone: trusttest.ZoneName, Keys: keys}, ledger.NewFold(w.zone.Ledger, keys)
	w.book = permit.NewBook(permit.Owner{ID: w.x1.ID, Incarnation: w.incarnation})
	w.mustAppend(schemas.KindGovernance, "", w.zone.Genesis)
	w.release(threshold)
	for _, m := range []trusttest.Member{w.e1, w.e2, w.e3, w.x1, w.x2, w.x3, w.s1} {
		w.introduce(m)
	}
	return w
}

func (w *world) append(kind schemas.Kind, token string, data []byte) (ledger.Record, error) {
	w.seq++
	return w.fold.Step(w.parser.Parse(ledger.Raw{Seq: w.seq, Time: w.now, Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data}))
}

func (w *world) mustAppend(kind schemas.Kind, token string, data []byte) ledger.Record {
	w.tb.Helper()
	rec, err := w.append(kind, token, data)
	if err != nil {
		w.tb.Fatalf("%s at %d is noise: %v", kind, w.seq, err)
	}
	return rec
}

func (w *world) introduce(m trusttest.Member) {
	w.tb.Helper()
	w.mustAppend(schemas.KindCredential, m.ID.Name, m.Credential)
}

func (w *world) govern(record *pb.Governance) trust.Digest {
	w.tb.Helper()
	sealed := w.zone.Seal(record)
	w.mustAppend(schemas.KindGovernance, "", sealed)
	return trusttest.RecordID(sealed)
}

// release puts the only release in force.
func (w *world) release(threshold uint32) {
	w.tb.Helper()
	p := w.zone.Release()
	p.DecisionThreshold = threshold
	p.Directory = slices.DeleteFunc(p.GetDirectory(), func(e *pb.Identity) bool {
		return e.GetRole() == pb.Role_ROLE_ENFORCER || e.GetRole() == pb.Role_ROLE_EXECUTOR
	})
	for rank, name := range []string{"e1", "e2", "e3"} {
		e := trusttest.Entry(pb.Role_ROLE_ENFORCER, name)
		e.Rank = uint32(rank)
		p.Directory = append(p.Directory, e)
	}
	for name, tools := range map[string][]string{"x1": {"read", "pay"}, "x2": {"read", "pay"}, "x3": {"pay"}} {
		p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_EXECUTOR, name, tools...))
	}
	w.govern(trusttest.Released(p))
}

// pulse is a sentinel's, naming the head that it is given or the fold's own.
func (w *world) pulse(heads ...*pb.Head) {
	w.tb.Helper()
	w.pulses++
	gov := w.fold.Governance()
	head, release := gov.Head().Proto(), gov.Release().Digest
	if len(heads) > 0 {
		head = heads[0]
	}
	p := &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: w.s1.SPIFFE(), Incarnation: make([]byte, 16), Counter: w.pulses, Head: head,
		Release: release[:], Clock: timestamppb.New(w.now),
	}
	w.mustAppend(schemas.KindPulse, "", w.s1.Seal(schemas.KindPulse, encode(w.tb, p)))
}

// request is alice's next intent; it stands on the ledger in name only, for
// nothing here reads intents but Spend.
func (w *world) request(mutators ...func(*pb.Intent)) request {
	w.intents++
	w.seq++
	in := &pb.Intent{
		Id: fmt.Appendf(nil, "intent %9d", w.intents), Agent: trusttest.ID(pb.Role_ROLE_AGENT, "alice").String(), Session: "main", Sequence: w.intents,
		Tool: "read", Action: "read", Resource: "notes.txt", Arguments: []byte(`{}`), ArgumentsDigest: make([]byte, 32),
		Deadline: timestamppb.New(w.now.Add(10 * time.Second)),
	}
	for _, mutate := range mutators {
		mutate(in)
	}
	data := encode(w.tb, in)
	return request{data, in, trust.DigestOf(data), ledger.Position{Seq: w.seq}}
}

// decision is what an honest enforcer says of a request now: ALLOW.
func (w *world) decision(r request, mutators ...func(*pb.Decision)) *pb.Decision {
	gov := w.fold.Governance()
	release := gov.Release().Digest
	d := &pb.Decision{
		Intent: r.at.Proto(), IntentDigest: r.digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Epoch: gov.Epoch(), Release: release[:],
		Deadline: r.intent.GetDeadline(), LogTime: timestamppb.New(w.now), Agent: r.intent.GetAgent(), Session: r.intent.GetSession(),
		Tool: r.intent.GetTool(), SessionSequence: r.intent.GetSequence(),
	}
	for _, mutate := range mutators {
		mutate(d)
	}
	return d
}

// decide records d, signed by each of the enforcers in turn, and returns what
// the last of them completed.
func (w *world) decide(d *pb.Decision, by ...trusttest.Member) (quorum *pb.Decision) {
	w.tb.Helper()
	token := d.GetTool()
	if token == "" {
		token = schemas.NoTool
	}
	for _, m := range by {
		rec := w.mustAppend(schemas.KindDecision, token, m.List(schemas.KindDecision, w.zone.Ledger, encode(w.tb, d)))
		quorum = w.book.Decide(w.fold, rec.Token, rec.Signer.ID, rec.Items[0], permit.ReadDecision(rec.Items[0].Bytes))
	}
	return quorum
}

func (w *world) claimOf(r request, by trusttest.Member, mutators ...func(*pb.Claim)) *pb.Claim {
	c := &pb.Claim{IntentDigest: r.digest[:], Intent: r.at.Proto(), Executor: by.SPIFFE(), Incarnation: w.incarnation[:]}
	for _, mutate := range mutators {
		mutate(c)
	}
	return c
}

// claim records a claim on the tool's subject and judges it.
func (w *world) claim(r request, by trusttest.Member, mutators ...func(*pb.Claim)) permit.Ruling {
	w.tb.Helper()
	return w.claimOn("read", by, encode(w.tb, w.claimOf(r, by, mutators...)))
}

func (w *world) claimOn(token string, by trusttest.Member, item []byte) permit.Ruling {
	w.tb.Helper()
	rec := w.mustAppend(schemas.KindClaim, token, by.List(schemas.KindClaim, w.zone.Ledger, item))
	ruling := w.book.Claim(w.fold, rec.Token, rec.Signer.ID, ledger.Position{Seq: rec.Seq}, rec.Items[0])
	checkRuling(w.tb, ruling)
	return ruling
}

// checkRuling holds what is true of every ruling: a permit comes with a valid
// claim only.
func checkRuling(tb rapid.TB, r permit.Ruling) {
	tb.Helper()
	if r.Valid() != (r.Void == 0) {
		tb.Fatalf("valid: %v, void: %v", r.Valid(), r.Void)
	}
	if r.Permit != nil && (!r.Valid() || r.Permit.Intent() != r.Intent || r.Decision == nil) {
		tb.Fatalf("a permit for %v", r)
	}
}

func encode(tb rapid.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
