package audit_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// world writes one ledger as honest participants do: agents alice and bob,
// enforcers e1 and e2, executors x1 and x2, sentinels s1 and s2, approvers p1 and
// p2, recorder r1. Every record is a millisecond after the one before.
type world struct {
	tb      rapid.TB
	zone    *trusttest.Zone
	parser  ledger.Parser
	fold    *ledger.Fold
	replica *verdict.Replica
	reader  verdict.Reader
	edge    lineage.Edge
	now     time.Time

	tape    []ledger.Raw
	newest  map[string]*request // by agent and session
	open    map[trust.Digest]*request
	told    uint64             // how far spans in pulses reach
	seen    *pb.CheckpointHead // the newest checkpoint, for pulses
	intents int
	pulses  uint64
	claims  uint32
	noted   []note
}

// note is a checkpoint and after which record it was signed.
type note struct {
	after uint64
	text  []byte
}

// request is an intent on the ledger and the newest decision that it calls for.
type request struct {
	intent *pb.Intent
	digest trust.Digest
	at     ledger.Position
	due    verdict.Derived
}

var roles = map[string]pb.Role{
	"alice": pb.Role_ROLE_AGENT, "bob": pb.Role_ROLE_AGENT, "e1": pb.Role_ROLE_ENFORCER, "e2": pb.Role_ROLE_ENFORCER,
	"x1": pb.Role_ROLE_EXECUTOR, "x2": pb.Role_ROLE_EXECUTOR, "s1": pb.Role_ROLE_SENTINEL, "s2": pb.Role_ROLE_SENTINEL,
	"p1": pb.Role_ROLE_APPROVER, "p2": pb.Role_ROLE_APPROVER,
}

var names = []string{"alice", "bob", "e1", "e2", "x1", "x2", "s1", "s2", "p1", "p2"}

// members are enrolled once: certificates take their time.
var members = sync.OnceValue(func() map[string]trusttest.Member {
	all := make(map[string]trusttest.Member)
	for _, name := range names {
		all[name] = trusttest.NewMember(roles[name], name)
	}
	return all
})

// logKeys are r1's.
var logKeys = sync.OnceValue(func() *trust.LogKeys {
	var text strings.Builder
	for _, algorithm := range []byte{0x01, 0x06} {
		seed := trust.DigestOf([]byte{algorithm})
		text.WriteString("PRIVATE+KEY+" + base64.StdEncoding.EncodeToString(append([]byte{algorithm}, seed[:]...)) + "\n")
	}
	keys, err := trust.ParseLogKeys([]byte(text.String()))
	if err != nil {
		panic(err)
	}
	return keys
})

// rules permit everything but payments over 100, which two people must approve,
// and over 10,000, which nobody may make.
const rules = `
	@id("small") permit (principal, action, resource) when { !(context.arguments has amount) || context.arguments.amount <= 100 };
	@id("large") @approvals("2") permit (principal, action == Action::"pay", resource);
	@id("never") forbid (principal, action == Action::"pay", resource) when { context.arguments.amount > 10000 };`

func newWorld(tb rapid.TB, mutators ...func(*pb.Release)) *world {
	tb.Helper()
	return newWorldIn(tb, trusttest.NewZone(1, 1), mutators...)
}

func newWorldIn(tb rapid.TB, zone *trusttest.Zone, mutators ...func(*pb.Release)) *world {
	tb.Helper()
	w := &world{tb: tb, zone: zone, now: trusttest.Start, newest: map[string]*request{}, open: map[trust.Digest]*request{}}
	keys := ledger.NewKeys()
	w.parser, w.fold, w.replica = ledger.Parser{Zone: trusttest.ZoneName, Keys: keys}, ledger.NewFold(w.zone.Ledger, keys), verdict.NewReplica(verdict.ReplicaConfig{})
	w.append(schemas.KindGovernance, "", w.zone.Genesis)
	w.govern(trusttest.Released(w.zone.Release(append([]func(*pb.Release){directory}, mutators...)...)))
	for _, name := range names {
		w.append(schemas.KindCredential, name, members()[name].Credential)
	}
	w.pulse()
	return w
}

func directory(r *pb.Release) {
	r.Policies = []*pb.PolicySource{{Name: "zone.cedar", Text: rules}}
	r.Directory = []*pb.Identity{
		trusttest.Entry(pb.Role_ROLE_AGENT, "alice", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_AGENT, "bob", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_ENFORCER, "e1"),
		{Name: "e2", Role: pb.Role_ROLE_ENFORCER, Rank: 1},
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x1", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_SENTINEL, "s1"),
		trusttest.Entry(pb.Role_ROLE_SENTINEL, "s2"),
		trusttest.Entry(pb.Role_ROLE_APPROVER, "p1", "pay"),
		trusttest.Entry(pb.Role_ROLE_APPROVER, "p2", "pay"),
		{Name: "r1", Role: pb.Role_ROLE_RECORDER, LogKeys: logKeys().Public()},
	}
}

func threshold(k uint32) func(*pb.Release) {
	return func(r *pb.Release) { r.DecisionThreshold = k }
}

func maxDeadline(d time.Duration) func(*pb.Release) {
	return func(r *pb.Release) { r.Bounds.MaxDeadline = durationpb.New(d) }
}

// put stores bytes that may be anything.
func (w *world) put(subject string, data []byte) (ledger.Record, error) {
	w.tb.Helper()
	w.now = w.now.Add(time.Millisecond)
	raw := ledger.Raw{Seq: w.seq() + 1, Time: w.now, Subject: subject, Data: data}
	w.tape = append(w.tape, raw)
	parsed := w.parser.Parse(raw)
	rec, err := w.fold.Step(parsed)
	w.edge.Append(leaf(raw, w.fold.LogTime()))
	if err != nil {
		return rec, err
	}
	contents := make([]verdict.Content, len(rec.Items))
	for i, item := range rec.Items {
		contents[i] = w.reader.Read(item.Bytes)
	}
	all, failed := w.replica.Step(w.fold, rec, contents)
	if failed != nil {
		w.tb.Fatal(failed)
	}
	for _, d := range all {
		w.due(d)
	}
	return rec, nil
}

func leaf(raw ledger.Raw, logTime time.Time) lineage.Hash {
	return lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: logTime, Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}.Leaf()
}

// due notes a decision that the ledger calls for.
func (w *world) due(d verdict.Derived) {
	digest := trust.DigestIn(d.Decision.GetIntentDigest())
	if w.open[digest] == nil || d.Round.Number == 0 {
		w.open[digest] = &request{digest: digest, at: d.Round.Intent}
	}
	w.open[digest].due = d
}

func (w *world) seq() uint64 { return uint64(len(w.tape)) }

// append stores an authentic record.
func (w *world) append(kind schemas.Kind, token string, data []byte) ledger.Record {
	w.tb.Helper()
	rec, err := w.put(schemas.Subject(trusttest.ZoneName, kind, token), data)
	if err != nil {
		w.tb.Fatalf("%s at %d is noise: %v", kind, w.seq(), err)
	}
	return rec
}

// list stores one list of a participant.
func (w *world) list(kind schemas.Kind, token, by string, items ...[]byte) ledger.Record {
	w.tb.Helper()
	return w.append(kind, token, members()[by].List(kind, w.zone.Ledger, items...))
}

func (w *world) govern(record *pb.Governance, keys ...*trust.SigningKey) trust.Digest {
	w.tb.Helper()
	sealed := w.zone.Seal(record, keys...)
	w.append(schemas.KindGovernance, "", sealed)
	return trusttest.RecordID(sealed)
}

// release puts a next version of the release in force.
func (w *world) release(mutators ...func(*pb.Release)) {
	w.tb.Helper()
	in := w.fold.Governance().Release()
	next := proto.CloneOf(in.Proto)
	next.Version, next.Replaces = next.GetVersion()+1, in.Digest[:]
	for _, mutate := range mutators {
		mutate(next)
	}
	w.govern(trusttest.Released(next))
}

// pass lets time go by in pulses.
func (w *world) pass(d time.Duration) {
	w.tb.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(min(1500*time.Millisecond, end.Sub(w.now)))
		w.pulse()
	}
}

// pulse is s1's.
func (w *world) pulse(mutators ...func(*pb.Pulse)) {
	w.tb.Helper()
	w.pulseOf("s1", mutators...)
}

func (w *world) pulseOf(by string, mutators ...func(*pb.Pulse)) {
	w.tb.Helper()
	w.pulses++
	gov := w.fold.Governance()
	release := gov.Release().Digest
	p := &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: members()[by].SPIFFE(), Incarnation: make([]byte, 16), Counter: w.pulses,
		Head: gov.Head().Proto(), Release: release[:], Clock: timestamppb.New(w.now.Add(time.Millisecond)), Span: w.fold.Span(w.told + 1), Checkpoint: w.seen,
	}
	for _, mutate := range mutators {
		mutate(p)
	}
	w.append(schemas.KindPulse, "", members()[by].Seal(schemas.KindPulse, encode(w.tb, p)))
	w.told = p.GetSpan().GetTo()
}

// intent is an agent's next in its session: it reads, unless mutators say
// otherwise.
func (w *world) intent(by string, mutators ...func(*pb.Intent)) *pb.Intent {
	w.intents++
	in := &pb.Intent{
		Id: fmt.Appendf(nil, "intent %9d", w.intents), Agent: members()[by].SPIFFE(), Session: "main", Sequence: 1,
		Tool: "read", Action: "read", Resource: "notes.txt", Arguments: []byte(`{}`),
		Deadline: timestamppb.New(w.now.Add(10 * time.Second)),
	}
	for _, mutate := range mutators {
		mutate(in)
	}
	if before := w.newest[by+in.GetSession()]; before != nil && in.GetPrevious() == nil {
		in.Sequence, in.Previous = before.intent.GetSequence()+1, before.digest[:]
	}
	digest := trust.DigestOf(in.GetArguments())
	in.ArgumentsDigest = digest[:]
	return in
}

func pay(amount int) func(*pb.Intent) {
	return func(in *pb.Intent) {
		in.Tool, in.Action, in.Resource, in.Arguments = "pay", "pay", "account-1", fmt.Appendf(nil, `{"amount":%d}`, amount)
	}
}

func session(name string) func(*pb.Intent) { return func(in *pb.Intent) { in.Session = name } }

func within(d time.Duration) func(*pb.Intent) {
	return func(in *pb.Intent) { in.Deadline = timestamppb.New(in.GetDeadline().AsTime().Add(d - 10*time.Second)) }
}

// ask puts one intent on the ledger.
func (w *world) ask(by string, mutators ...func(*pb.Intent)) *request {
	w.tb.Helper()
	return w.propose(by, w.intent(by, mutators...))[0]
}

// propose puts one list of intents on the ledger.
func (w *world) propose(by string, intents ...*pb.Intent) []*request {
	w.tb.Helper()
	items := make([][]byte, len(intents))
	for i, in := range intents {
		items[i] = encode(w.tb, in)
	}
	w.list(schemas.KindIntent, by, by, items...)
	all := make([]*request, len(intents))
	for i, in := range intents {
		r := w.open[trust.DigestOf(items[i])]
		if r == nil {
			w.tb.Fatalf("nothing is to be decided on %v", in)
		}
		r.intent, all[i] = in, r
		w.newest[by+in.GetSession()] = r
	}
	return all
}

// many are n intents of one session, each after the other.
func (w *world) many(by, name string, n int) []*pb.Intent {
	all := make([]*pb.Intent, n)
	for i := range all {
		all[i] = w.intent(by, session(name))
		if i > 0 {
			digest := trust.DigestOf(encode(w.tb, all[i-1]))
			all[i].Sequence, all[i].Previous = all[i-1].GetSequence()+1, digest[:]
		}
	}
	return all
}

// decide records the newest decision on requests, by each enforcer in turn.
func (w *world) decide(by []string, all ...*request) {
	w.tb.Helper()
	items := make([][]byte, len(all))
	for i, r := range all {
		items[i] = r.due.Data
	}
	for _, name := range by {
		w.list(schemas.KindDecision, verdict.Subject(all[0].due.Decision), name, items...)
	}
}

var (
	one  = []string{"e1"}
	both = []string{"e1", "e2"}
)

// allowed is a request of alice's that e1 decided.
func (w *world) allowed(mutators ...func(*pb.Intent)) *request {
	w.tb.Helper()
	r := w.ask("alice", mutators...)
	w.decide(one, r)
	return r
}

func (w *world) claimOf(by string, r *request) []byte {
	w.claims++
	return encode(w.tb, &pb.Claim{IntentDigest: r.digest[:], Intent: r.at.Proto(), Executor: members()[by].SPIFFE(), Incarnation: make([]byte, 16), Number: w.claims})
}

// claim records an executor's claim, valid or void.
func (w *world) claim(by string, all ...*request) ledger.Position {
	w.tb.Helper()
	items := make([][]byte, len(all))
	for i, r := range all {
		items[i] = w.claimOf(by, r)
	}
	return ledger.Position{Seq: w.list(schemas.KindClaim, verdict.Subject(all[0].due.Decision), by, items...).Seq}
}

// outcome is what an executor says of its claim; it began at once.
func (w *world) outcome(by string, r *request, claim ledger.Position, status pb.Status) *pb.Outcome {
	o := &pb.Outcome{
		IntentDigest: r.digest[:], Claim: claim.Proto(), Status: status, Finished: timestamppb.New(w.now),
		Head: w.fold.Governance().Head().Proto(), Executor: members()[by].SPIFFE(),
	}
	if status != pb.Status_STATUS_EXECUTED {
		o.Reason = pb.Reason_REASON_START_LATE
	}
	if status != pb.Status_STATUS_ABANDONED {
		o.Started = timestamppb.New(w.now)
	}
	return o
}

func (w *world) report(by string, r *request, claim ledger.Position, status pb.Status, mutators ...func(*pb.Outcome)) {
	w.tb.Helper()
	o := w.outcome(by, r, claim, status)
	for _, mutate := range mutators {
		mutate(o)
	}
	w.list(schemas.KindOutcome, verdict.Subject(r.due.Decision), by, encode(w.tb, o))
}

// executed is a request that was allowed, claimed and executed.
func (w *world) executed(mutators ...func(*pb.Intent)) (*request, ledger.Position) {
	w.tb.Helper()
	r := w.allowed(mutators...)
	c := w.claim("x1", r)
	w.report("x1", r, c, pb.Status_STATUS_EXECUTED)
	return r, c
}

// answer records an approver's answer. If it opens a round, that is the one due.
func (w *world) answer(by string, r *request, approve bool) {
	w.tb.Helper()
	a := &pb.Approval{Ledger: w.zone.Ledger[:], IntentDigest: r.digest[:], Approver: members()[by].SPIFFE(), Approve: approve}
	w.append(schemas.KindApproval, "", members()[by].Seal(schemas.KindApproval, encode(w.tb, a)))
}

// checkpoint signs the tree as it stands.
func (w *world) checkpoint() {
	w.tb.Helper()
	w.noted = append(w.noted, note{w.seq(), w.sign(w.tree())})
	w.seen = &pb.CheckpointHead{Size: w.edge.Size(), Root: bytes.Clone(rootOf(&w.edge))}
}

func rootOf(e *lineage.Edge) []byte {
	root := e.Root()
	return root[:]
}

func (w *world) tree() lineage.Checkpoint {
	gov := w.fold.Governance()
	return lineage.Checkpoint{
		Origin: lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, w.zone.Ledger, len(gov.Losses())), Size: w.edge.Size(), Root: w.edge.Root(),
	}
}

// sign signs a checkpoint as r1.
func (w *world) sign(c lineage.Checkpoint) []byte {
	w.tb.Helper()
	signer, err := logKeys().Signer(c.Origin)
	if err != nil {
		w.tb.Fatal(err)
	}
	text, err := signer.Sign(c.String(), w.now)
	if err != nil {
		w.tb.Fatal(err)
	}
	return text
}

// export is what an auditor is given.
type export struct {
	anchor trust.Digest
	raws   []ledger.Raw
	notes  []note
}

func (w *world) export() export {
	return export{w.zone.Ledger, slices.Clone(w.tape), slices.Clone(w.noted)}
}

// audit audits an export, each checkpoint at its place.
func (x export) audit(tb rapid.TB) *audit.Report {
	tb.Helper()
	return x.run(tb, audit.Config{Ledger: x.anchor, Zone: trusttest.ZoneName}, nil)
}

// run audits, with what Prepare gave for some of the records, if it is given.
func (x export) run(tb rapid.TB, cfg audit.Config, prepared map[string]*audit.Prepared) *audit.Report {
	tb.Helper()
	a := audit.New(cfg)
	notes := x.notes
	for i, raw := range x.raws {
		p := prepared[keyOf(raw)]
		if p == nil {
			p = a.Prepare(raw)
		}
		if err := a.Step(p); err != nil {
			tb.Fatal(err)
		}
		for len(notes) > 0 && notes[0].after <= raw.Seq && i < len(x.raws)-1 {
			a.Checkpoint(notes[0].text)
			notes = notes[1:]
		}
	}
	for _, n := range notes {
		a.Checkpoint(n.text)
	}
	return a.Finish()
}

func keyOf(raw ledger.Raw) string {
	return fmt.Sprintf("%d %d %s %x", raw.Seq, raw.Time.UnixNano(), raw.Subject, trust.DigestOf(raw.Data))
}

func encode(tb rapid.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// found tells the findings, each as "rule position".
func found(r *audit.Report) []string {
	all := make([]string, len(r.Findings))
	for i, f := range r.Findings {
		all[i] = strings.TrimSpace(string(f.Rule) + " " + f.Position)
	}
	return all
}

func wantClean(tb rapid.TB, r *audit.Report) {
	tb.Helper()
	for _, f := range r.Findings {
		tb.Errorf("found: %+v", f)
	}
	if r.Clean() == (len(r.Findings)+int(r.More) > 0) {
		tb.Errorf("clean: %v", r.Clean())
	}
}
