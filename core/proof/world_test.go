package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// world is a ledger of three enforcers, two of whom must agree, two executors, a
// sentinel, an approver, a recorder and a witness. Two runs make the same bytes.
type world struct {
	tb     testing.TB
	zone   *trusttest.Zone
	fold   *ledger.Fold
	parser ledger.Parser
	tape   []ledger.Raw
	now    time.Time

	alice, e1, e2, e3, x1, x2, s1, p1 trusttest.Member
	ids, pulses                       uint64
	logKeys                           *trust.LogKeys
	spanned                           uint64
}

// asked is an intent on the tape.
type asked struct {
	intent *pb.Intent
	digest trust.Digest
	at     ledger.Position
}

func newWorld(tb testing.TB) *world { return newWorldOf(tb, 1) }

// newWorldOf has as many governors, all of whom must sign.
func newWorldOf(tb testing.TB, governors int) *world {
	tb.Helper()
	m := trusttest.NewMember
	w := &world{
		tb: tb, zone: trusttest.NewZone(uint32(governors), governors), now: trusttest.Start, parser: ledger.Parser{Zone: trusttest.ZoneName},
		alice: m(pb.Role_ROLE_AGENT, "alice"),
		e1:    m(pb.Role_ROLE_ENFORCER, "e1"), e2: m(pb.Role_ROLE_ENFORCER, "e2"), e3: m(pb.Role_ROLE_ENFORCER, "e3"),
		x1: m(pb.Role_ROLE_EXECUTOR, "x1"), x2: m(pb.Role_ROLE_EXECUTOR, "x2"),
		s1: m(pb.Role_ROLE_SENTINEL, "s1"), p1: m(pb.Role_ROLE_APPROVER, "p1"),
	}
	w.logKeys = logKeys(tb, "recorder")
	w.fold = ledger.NewFold(w.zone.Ledger, nil)
	w.add(schemas.KindGovernance, "", w.zone.Genesis)
	w.govern(trusttest.Released(w.release()))
	for _, m := range []trusttest.Member{w.alice, w.e1, w.e2, w.e3, w.x1, w.x2, w.s1, w.p1} {
		w.add(schemas.KindCredential, m.ID.Name, m.Credential)
	}
	w.pulse()
	return w
}

func logKeys(tb testing.TB, name string) *trust.LogKeys {
	tb.Helper()
	var text bytes.Buffer
	for _, algorithm := range []byte{1, 6} {
		seed := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, algorithm))
		text.WriteString("PRIVATE+KEY+" + base64.StdEncoding.EncodeToString(append([]byte{algorithm}, seed[:]...)) + "\n")
	}
	keys, err := trust.ParseLogKeys(text.Bytes())
	must(tb, err)
	return keys
}

func (w *world) release() *pb.Release {
	p := w.zone.Release()
	p.DecisionThreshold, p.WitnessThreshold = 2, 1
	p.Directory = slices.DeleteFunc(p.GetDirectory(), func(e *pb.Identity) bool {
		return e.GetRole() == pb.Role_ROLE_ENFORCER || e.GetRole() == pb.Role_ROLE_RECORDER || e.GetRole() == pb.Role_ROLE_APPROVER
	})
	for rank, name := range []string{"e1", "e2", "e3"} {
		e := trusttest.Entry(pb.Role_ROLE_ENFORCER, name)
		e.Rank = uint32(rank)
		p.Directory = append(p.Directory, e)
	}
	recorder := trusttest.Entry(pb.Role_ROLE_RECORDER, "r1")
	recorder.LogKeys = w.logKeys.Public()
	_, verifier := witnessKey("w1.example")
	cosigner := trusttest.Entry(pb.Role_ROLE_WITNESS, "w1")
	cosigner.Verifier = verifier
	p.Directory = append(p.Directory, recorder, cosigner, trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "read"), trusttest.Entry(pb.Role_ROLE_APPROVER, "p1", "read", "pay"))
	return p
}

// add appends a message, which must be authentic, a millisecond after the last.
func (w *world) add(kind schemas.Kind, token string, data []byte) uint64 {
	w.tb.Helper()
	seq, err := w.put(schemas.Subject(trusttest.ZoneName, kind, token), data)
	must(w.tb, err)
	return seq
}

func (w *world) put(subject string, data []byte) (uint64, error) {
	w.now = w.now.Add(time.Millisecond)
	raw := ledger.Raw{Seq: uint64(len(w.tape)) + 1, Time: w.now, Subject: subject, Data: data}
	w.tape = append(w.tape, raw)
	_, err := w.fold.Step(w.parser.Parse(raw))
	return raw.Seq, err
}

// noise appends what every follower skips.
func (w *world) noise() {
	w.tb.Helper()
	if _, err := w.put(schemas.Subject(trusttest.ZoneName, schemas.KindGovernance, ""), []byte("noise")); err == nil {
		w.tb.Fatal("noise counted")
	}
}

func (w *world) govern(record *pb.Governance) {
	w.tb.Helper()
	w.add(schemas.KindGovernance, "", w.zone.Seal(record))
}

// trip is the sentinel's.
func (w *world) trip() trust.Digest {
	w.tb.Helper()
	record := trusttest.Trip()
	record.Ledger, record.Id = w.zone.Ledger[:], []byte("sixteen bytes ok")
	sealed := w.s1.Seal(schemas.KindGovernance, w.encode(record))
	w.add(schemas.KindGovernance, "", sealed)
	return trusttest.RecordID(sealed)
}

// pulse says that the sentinel has read the whole tape.
func (w *world) pulse() {
	w.tb.Helper()
	w.pulses++
	gov, span := w.fold.Governance(), w.fold.Span(w.spanned+1)
	w.spanned = w.fold.Seq()
	p := &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: w.s1.SPIFFE(), Incarnation: make([]byte, 16), Counter: w.pulses, Head: gov.Head().Proto(),
		Release: gov.Release().Digest[:], Clock: timestamppb.New(w.now), Span: span,
	}
	w.add(schemas.KindPulse, "", w.s1.Seal(schemas.KindPulse, w.encode(p)))
}

func (w *world) ask(mutators ...func(*pb.Intent)) asked {
	w.tb.Helper()
	w.ids++
	in := &pb.Intent{
		Id: fmt.Appendf(nil, "intent %9d", w.ids), Agent: w.alice.SPIFFE(), Session: fmt.Sprintf("s%d", w.ids), Sequence: 1,
		Tool: "read", Action: "read", Resource: "notes.txt", Arguments: []byte(`{}`),
		Deadline: timestamppb.New(w.now.Add(10 * time.Second)),
	}
	for _, mutate := range mutators {
		mutate(in)
	}
	digest := trust.DigestOf(in.GetArguments())
	in.ArgumentsDigest = digest[:]
	data := w.encode(in)
	other := w.encode(&pb.Intent{Id: []byte("somebody else's.")})
	seq := w.add(schemas.KindIntent, "alice", w.alice.List(schemas.KindIntent, w.zone.Ledger, other, data))
	return asked{in, trust.DigestOf(data), ledger.Position{Seq: seq, Index: 1}}
}

// decision is what honest enforcers say now, right after the intent or the approval.
func (w *world) decision(a asked, mutators ...func(*pb.Decision)) *pb.Decision {
	gov := w.fold.Governance()
	release := gov.Release().Digest
	d := &pb.Decision{
		Intent: a.at.Proto(), IntentDigest: a.digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Epoch: gov.Epoch(), Release: release[:], Policies: []string{"all"},
		Deadline: a.intent.GetDeadline(), LogTime: timestamppb.New(w.fold.LogTime()), Agent: a.intent.GetAgent(), Session: a.intent.GetSession(),
		Tool: a.intent.GetTool(), SessionSequence: a.intent.GetSequence(), Evaluation: a.intent.GetEvaluation(),
	}
	for _, mutate := range mutators {
		mutate(d)
	}
	return d
}

func deny(reasons ...pb.Reason) func(*pb.Decision) {
	return func(d *pb.Decision) {
		d.Verdict, d.Reasons = pb.Verdict_VERDICT_DENY_UNSPECIFIED, reasons
	}
}

func (w *world) decide(d *pb.Decision, by ...trusttest.Member) {
	w.tb.Helper()
	for _, m := range by {
		w.add(schemas.KindDecision, d.GetTool(), m.List(schemas.KindDecision, w.zone.Ledger, w.encode(d)))
	}
}

func (w *world) claim(a asked, by trusttest.Member) ledger.Position {
	w.tb.Helper()
	c := &pb.Claim{IntentDigest: a.digest[:], Intent: a.at.Proto(), Executor: by.SPIFFE(), Incarnation: make([]byte, 16), Number: uint32(len(w.tape))}
	return ledger.Position{Seq: w.add(schemas.KindClaim, "read", by.List(schemas.KindClaim, w.zone.Ledger, w.encode(c)))}
}

func (w *world) report(a asked, claim ledger.Position, by trusttest.Member, status pb.Status, reason pb.Reason) {
	w.tb.Helper()
	result := sha256.Sum256([]byte("result"))
	o := &pb.Outcome{
		IntentDigest: a.digest[:], Claim: claim.Proto(), Status: status, Reason: reason, ResultDigest: result[:],
		Finished: timestamppb.New(w.now), Head: w.fold.Governance().Head().Proto(), Executor: by.SPIFFE(),
	}
	w.add(schemas.KindOutcome, "read", by.List(schemas.KindOutcome, w.zone.Ledger, w.encode(o)))
}

func (w *world) approve(a asked, approve bool) uint64 {
	w.tb.Helper()
	record := &pb.Approval{Ledger: w.zone.Ledger[:], IntentDigest: a.digest[:], Approver: w.p1.SPIFFE(), Approve: approve}
	return w.add(schemas.KindApproval, "", w.p1.Seal(schemas.KindApproval, w.encode(record)))
}

// checkpoint is the signed, cosigned tree of the whole tape.
func (w *world) checkpoint() []byte {
	w.tb.Helper()
	return w.checkpointOf(w.logKeys, "w1.example")
}

func (w *world) checkpointOf(keys *trust.LogKeys, witnesses ...string) []byte {
	w.tb.Helper()
	var edge lineage.Edge
	var logTime time.Time
	for _, raw := range w.tape {
		if raw.Time.After(logTime) {
			logTime = raw.Time
		}
		edge.Append(lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: logTime, Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}.Leaf())
	}
	gov := w.fold.Governance()
	origin := lineage.Origin(gov.TrustDomain(), gov.Zone(), gov.Ledger(), len(gov.Losses()))
	signer, err := keys.Signer(origin)
	must(w.tb, err)
	signed, err := signer.Sign(lineage.Checkpoint{Origin: origin, Size: edge.Size(), Root: edge.Root()}.String(), w.now)
	must(w.tb, err)
	return cosigned(w.tb, signed, w.now, witnesses...)
}

// cosigned adds cosignatures of a given time (C2SP tlog-cosignature, Ed25519): the
// library's signer reads the clock.
func cosigned(tb testing.TB, signed []byte, at time.Time, witnesses ...string) []byte {
	tb.Helper()
	text, _, found := bytes.Cut(signed, []byte("\n\n"))
	if !found {
		tb.Fatal("not a note")
	}
	message := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at.Unix(), text)
	for _, name := range witnesses {
		key, _ := witnessKey(name)
		public, _ := key.Public().(ed25519.PublicKey)
		sig := binary.BigEndian.AppendUint32(nil, witnessHash(name, public))
		sig = binary.BigEndian.AppendUint64(sig, uint64(at.Unix()))
		sig = append(sig, ed25519.Sign(key, message)...)
		signed = fmt.Appendf(signed, "— %s %s\n", name, base64.StdEncoding.EncodeToString(sig))
	}
	if _, err := note.Open(signed, note.VerifierList()); err != nil {
		if _, unverified := errors.AsType[*note.UnverifiedNoteError](err); !unverified {
			tb.Fatal(err)
		}
	}
	return signed
}

func witnessKey(name string) (ed25519.PrivateKey, string) {
	seed := sha256.Sum256([]byte("witness " + name))
	key := ed25519.NewKeyFromSeed(seed[:])
	public, _ := key.Public().(ed25519.PublicKey)
	return key, fmt.Sprintf("%s+%08x+%s", name, witnessHash(name, public), base64.StdEncoding.EncodeToString(append([]byte{4}, public...)))
}

func witnessHash(name string, public ed25519.PublicKey) uint32 {
	hash := sha256.Sum256(slices.Concat([]byte(name+"\n\x04"), public))
	return binary.BigEndian.Uint32(hash[:])
}

func (w *world) encode(m proto.Message) []byte {
	w.tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	must(w.tb, err)
	return data
}

// gathered is a gatherer that has read the whole tape.
func (w *world) gathered(q proof.Question) *proof.Gatherer {
	g := proof.NewGatherer(w.zone.Ledger, trusttest.ZoneName, q)
	for _, raw := range w.tape {
		g.Step(raw)
	}
	return g
}

// prove makes the file that the tape gives on a question.
func (w *world) prove(q proof.Question) *proof.File {
	w.tb.Helper()
	g := w.gathered(q)
	s, err := g.Choose()
	must(w.tb, err)
	keys, err := g.Keys()
	must(w.tb, err)
	signed, err := keys.Open(w.checkpoint())
	must(w.tb, err)
	c, err := proof.NewCollector(s, signed)
	must(w.tb, err)
	for _, raw := range w.tape {
		must(w.tb, c.Step(raw))
	}
	f, err := c.File()
	must(w.tb, err)
	return f
}

// recordOf is a record of the tape as a file has it, without its inclusion proof.
func (w *world) recordOf(seq uint64) proof.Record {
	raw := w.tape[seq-1]
	at := proof.NanosOf(raw.Time)
	return proof.Record{Position: seq, Time: at, LogTime: at, Subject: raw.Subject, Envelope: raw.Data}
}

// inclusion is the proof that the tape's tree has a record.
func (w *world) inclusion(seq uint64) []proof.Hash {
	w.tb.Helper()
	var edge lineage.Edge
	var stored []lineage.Hash
	for i := range w.tape {
		stored = append(stored, edge.Append(w.recordOf(uint64(i)+1).Entry().Leaf())...)
	}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]lineage.Hash, error) {
		all := make([]lineage.Hash, len(indexes))
		for i, index := range indexes {
			all[i] = stored[index]
		}
		return all, nil
	})
	hashes, err := lineage.Inclusion(reader, edge.Size(), seq)
	must(w.tb, err)
	all := make([]proof.Hash, len(hashes))
	for i, h := range hashes {
		all[i] = proof.Hash(h)
	}
	return all
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// decisionAt is the decision on an intent as it was derived at a position.
func (w *world) decisionAt(a asked, seq uint64) *pb.Decision {
	return w.decision(a, func(d *pb.Decision) { d.LogTime = timestamppb.New(w.tape[seq-1].Time) })
}
