package history_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// world is a ledger whose enforcers e1 and e2 decide honestly, two of two, and
// its history.
type world struct {
	tb      rapid.TB
	zone    *trusttest.Zone
	parser  ledger.Parser
	fold    *ledger.Fold
	replica *verdict.Replica
	history *history.History
	now     time.Time
	seq     uint64
	raws    []ledger.Raw

	asked  []request // in order
	due    []verdict.Derived
	counts map[string]uint64 // what makes ids, sequences and clocks distinct
}

// request is an intent as it stands on the ledger.
type request struct {
	digest trust.Digest
	intent *pb.Intent
	item   []byte
	at     ledger.Position
	by     string
}

// members are enrolled once: certificates take their time.
var members = sync.OnceValue(func() map[string]trusttest.Member {
	all := map[string]trusttest.Member{}
	for name, role := range map[string]pb.Role{
		"alice": pb.Role_ROLE_AGENT, "bob": pb.Role_ROLE_AGENT, "e1": pb.Role_ROLE_ENFORCER, "e2": pb.Role_ROLE_ENFORCER,
		"x1": pb.Role_ROLE_EXECUTOR, "x2": pb.Role_ROLE_EXECUTOR, "s1": pb.Role_ROLE_SENTINEL, "p1": pb.Role_ROLE_APPROVER,
	} {
		all[name] = trusttest.NewMember(role, name)
	}
	return all
})

// policies permit reading, and paying to 10 alone, to 100 with an approval.
const policies = `@id("read") permit (principal, action == Action::"read", resource);
@id("small") permit (principal, action == Action::"pay", resource) when { context.arguments.amount <= 10 };
@id("large") @approvals("1") permit (principal, action == Action::"pay", resource) when { context.arguments.amount <= 100 };`

func released(p *pb.Release) {
	p.DecisionThreshold = 2
	p.Policies = []*pb.PolicySource{{Name: "zone.cedar", Text: policies}}
	second := trusttest.Entry(pb.Role_ROLE_ENFORCER, "e2")
	second.Rank = 1
	p.Directory = append(p.Directory, second, trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "read"))
	for _, e := range p.GetDirectory() {
		if e.GetRole() == pb.Role_ROLE_APPROVER {
			e.Tools = []string{"pay"}
		}
	}
}

func newWorld(tb rapid.TB, cfg history.Config) *world {
	tb.Helper()
	w := &world{
		tb: tb, zone: trusttest.NewZone(1, 1), now: trusttest.Start, history: history.New(cfg),
		replica: verdict.NewReplica(verdict.ReplicaConfig{}), counts: map[string]uint64{},
	}
	keys := ledger.NewKeys()
	w.parser, w.fold = ledger.Parser{Zone: trusttest.ZoneName, Keys: keys}, ledger.NewFold(w.zone.Ledger, keys)
	w.append(schemas.KindGovernance, "", w.zone.Genesis)
	w.release()
	for _, name := range []string{"alice", "bob", "e1", "e2", "x1", "x2", "s1", "p1"} {
		w.append(schemas.KindCredential, name, members()[name].Credential)
	}
	w.pulse()
	return w
}

// append stores one message a millisecond after the last and tells the history.
func (w *world) append(kind schemas.Kind, token string, data []byte) {
	w.tb.Helper()
	rec, err := w.tell(kind, token, data)
	if err != nil {
		w.tb.Fatalf("%s at %d: %v", kind, w.seq, err)
	}
	if rec.Kind != kind {
		w.tb.Fatalf("the %s at %d is noise", kind, w.seq)
	}
}

// tell is append where the message may be noise, or the history full.
func (w *world) tell(kind schemas.Kind, token string, data []byte) (ledger.Record, error) {
	w.tb.Helper()
	w.seq++
	w.now = w.now.Add(time.Millisecond)
	w.raws = append(w.raws, ledger.Raw{Seq: w.seq, Time: w.now, Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data})
	parsed := w.parser.Parse(w.raws[len(w.raws)-1])
	ahead := history.Read(parsed)
	rec, noise := w.fold.Step(parsed)
	if noise == nil {
		derived, err := w.replica.Step(w.fold, rec, ahead.Contents())
		if err != nil {
			w.tb.Fatal(err)
		}
		w.due = append(w.due, derived...)
	}
	return rec, w.history.Step(w.fold, rec, ahead)
}

func (w *world) next(what string) uint64 {
	w.counts[what]++
	return w.counts[what]
}

func (w *world) govern(record *pb.Governance) {
	w.tb.Helper()
	w.append(schemas.KindGovernance, "", w.zone.Seal(record))
}

func (w *world) release(mutators ...func(*pb.Release)) {
	w.tb.Helper()
	p := w.zone.Release(append([]func(*pb.Release){released}, mutators...)...)
	if p.Version = w.next("release"); p.Version > 1 {
		p.Replaces = w.fold.Governance().Release().Digest[:]
	}
	w.govern(trusttest.Released(p))
}

func (w *world) pulse() {
	w.tb.Helper()
	gov, m := w.fold.Governance(), members()["s1"]
	w.append(schemas.KindPulse, "", m.Seal(schemas.KindPulse, encode(w.tb, &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: m.SPIFFE(), Incarnation: make([]byte, 16), Counter: w.next("pulse"), Head: gov.Head().Proto(),
		Release: gov.Release().Digest[:], Clock: timestamppb.New(w.now.Add(time.Millisecond)),
	})))
}

// intent is an agent's next intent of its session "main", changed by mutators.
func (w *world) intent(by string, mutators ...func(*pb.Intent)) *pb.Intent {
	in := &pb.Intent{
		Id: fmt.Appendf(nil, "intent %9d", w.next("intent")), Agent: members()[by].SPIFFE(), Session: "main",
		Tool: "read", Action: "read", Resource: "notes.txt", Arguments: []byte(`{}`), Deadline: timestamppb.New(w.now.Add(10 * time.Second)),
	}
	for _, mutate := range mutators {
		mutate(in)
	}
	if in.GetSequence() == 0 {
		in.Sequence = 1
		for _, r := range slices.Backward(w.asked) {
			if r.by == by && r.intent.GetSession() == in.GetSession() {
				in.Sequence, in.Previous = r.intent.GetSequence()+1, r.digest[:]
				break
			}
		}
	}
	digest := trust.DigestOf(in.GetArguments())
	in.ArgumentsDigest = digest[:]
	return in
}

// ask appends intents of one agent in one list.
func (w *world) ask(by string, intents ...*pb.Intent) []request {
	w.tb.Helper()
	items := make([][]byte, len(intents))
	for i, in := range intents {
		items[i] = encode(w.tb, in)
	}
	w.append(schemas.KindIntent, by, members()[by].List(schemas.KindIntent, w.zone.Ledger, items...))
	var all []request
	for i, in := range intents {
		all = append(all, request{trust.DigestOf(items[i]), in, items[i], ledger.Position{Seq: w.seq, Index: uint32(i)}, by})
	}
	w.asked = append(w.asked, all...)
	return all
}

// one asks for one intent.
func (w *world) one(by string, mutators ...func(*pb.Intent)) request {
	w.tb.Helper()
	return w.ask(by, w.intent(by, mutators...))[0]
}

// decide lets each enforcer sign all decisions that are due, one by one.
func (w *world) decide(by ...string) {
	w.tb.Helper()
	due := w.due
	w.due = nil
	for _, d := range due {
		for _, name := range by {
			w.append(schemas.KindDecision, verdict.Subject(d.Decision), members()[name].List(schemas.KindDecision, w.zone.Ledger, d.Data))
		}
	}
}

// claim returns the position of an executor's claim.
func (w *world) claim(r request, by string) ledger.Position {
	w.tb.Helper()
	m := members()[by]
	w.append(schemas.KindClaim, r.intent.GetTool(), m.List(schemas.KindClaim, w.zone.Ledger, encode(w.tb, &pb.Claim{
		IntentDigest: r.digest[:], Intent: r.at.Proto(), Executor: m.SPIFFE(), Incarnation: make([]byte, 16), Number: uint32(w.next("claim")),
	})))
	return ledger.Position{Seq: w.seq}
}

func (w *world) report(r request, claim ledger.Position, by string, status pb.Status, reasons ...pb.Reason) {
	w.tb.Helper()
	m := members()[by]
	w.append(schemas.KindOutcome, r.intent.GetTool(), m.List(schemas.KindOutcome, w.zone.Ledger, encode(w.tb, &pb.Outcome{
		IntentDigest: r.digest[:], Claim: claim.Proto(), Executor: m.SPIFFE(), Status: status, Reason: append(reasons, 0)[0],
		Finished: timestamppb.New(w.now), Head: w.fold.Governance().Head().Proto(),
	})))
}

// done takes an intent from its decision to its outcome.
func (w *world) done(r request) {
	w.tb.Helper()
	w.decide("e1", "e2")
	w.report(r, w.claim(r, "x1"), "x1", pb.Status_STATUS_EXECUTED)
}

func (w *world) answer(r request, yes bool, note string) {
	w.tb.Helper()
	m := members()["p1"]
	w.append(schemas.KindApproval, "", m.Seal(schemas.KindApproval, encode(w.tb, &pb.Approval{
		Ledger: w.zone.Ledger[:], IntentDigest: r.digest[:], Approver: m.SPIFFE(), Approve: yes, Note: note,
	})))
}

// What tests change of an intent.

func because(parents ...request) func(*pb.Intent) {
	return func(in *pb.Intent) {
		for _, p := range parents {
			in.Parents = append(in.Parents, p.digest[:])
		}
	}
}

func pay(amount int) func(*pb.Intent) {
	return func(in *pb.Intent) {
		in.Tool, in.Action, in.Resource, in.Arguments = "pay", "pay", "acct-7", fmt.Appendf(nil, `{"amount":%d}`, amount)
	}
}

func in(session string) func(*pb.Intent) { return func(i *pb.Intent) { i.Session = session } }

func of(resource string) func(*pb.Intent) { return func(i *pb.Intent) { i.Resource = resource } }

func spiffe(name string) string { return members()[name].SPIFFE() }

func encode(tb rapid.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// position is where the newest record stands.
func (w *world) position() ledger.Position { return ledger.Position{Seq: w.seq} }
