package verdict_test

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// world is a ledger with a release and three agents, of whom carol is not in the
// directory, folded by one enforcer.
type world struct {
	tb     rapid.TB
	zone   *trusttest.Zone
	parser ledger.Parser
	fold   *ledger.Fold
	rules  *verdict.Rules
	state  *verdict.State
	reader verdict.Reader // without keys unless a test gives it some
	now    time.Time
	seq    uint64

	alice, bob, carol trusttest.Member
	newest            map[string]*pb.Intent   // by agent and session, for whom writes the next one
	digests           map[string]trust.Digest // of those
	version           uint64
	ids               uint64
	stored            []ledger.Raw
}

func newWorld(tb rapid.TB, mutators ...func(*pb.Release)) *world {
	tb.Helper()
	w := &world{
		tb: tb, zone: trusttest.NewZone(1, 1), state: verdict.NewState(), now: trusttest.Start,
		alice: trusttest.NewMember(pb.Role_ROLE_AGENT, "alice"), bob: trusttest.NewMember(pb.Role_ROLE_AGENT, "bob"),
		carol:  trusttest.NewMember(pb.Role_ROLE_AGENT, "carol"),
		newest: map[string]*pb.Intent{}, digests: map[string]trust.Digest{},
	}
	keys := ledger.NewKeys()
	w.parser, w.fold = ledger.Parser{Zone: trusttest.ZoneName, Keys: keys}, ledger.NewFold(w.zone.Ledger, keys)
	w.mustAppend(schemas.KindGovernance, "", w.zone.Genesis)
	w.release(mutators...)
	for _, m := range []trusttest.Member{w.alice, w.bob, w.carol} {
		w.introduce(m)
	}
	return w
}

// append stores one message at the world's time.
func (w *world) append(kind schemas.Kind, token string, data []byte) (ledger.Record, error) {
	w.seq++
	w.stored = append(w.stored, ledger.Raw{Seq: w.seq, Time: w.now, Subject: schemas.Subject(trusttest.ZoneName, kind, token), Data: data})
	return w.fold.Step(w.parser.Parse(w.stored[len(w.stored)-1]))
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

const permitBoth = `@id("both") permit (principal, action in [Action::"read", Action::"pay"], resource);`

// release puts the zone's release, changed by mutators, in force.
func (w *world) release(mutators ...func(*pb.Release)) {
	w.tb.Helper()
	w.version++
	p := w.zone.Release(append([]func(*pb.Release){policies(permitBoth)}, mutators...)...)
	p.Version = w.version
	if held := w.fold.Governance().Release(); held != nil {
		p.Replaces = held.Digest[:]
	}
	w.govern(trusttest.Released(p))
	w.rules = verdict.Compile(w.fold.Governance().Release())
}

// intent is an agent's next intent of a session: it reads, and is allowed unless
// mutators or the release say otherwise. The arguments' digest is computed last.
func (w *world) intent(m trusttest.Member, mutators ...func(*pb.Intent)) *pb.Intent {
	w.ids++
	in := &pb.Intent{
		Id: fmt.Appendf(nil, "intent %9d", w.ids), Agent: m.SPIFFE(), Session: "main",
		Tool: "read", Action: "read", Resource: "notes.txt", Arguments: []byte(`{}`),
		Deadline: timestamppb.New(w.now.Add(10 * time.Second)),
	}
	for _, mutate := range mutators {
		mutate(in)
	}
	if in.GetSequence() == 0 {
		key := m.ID.Name + "#" + in.GetSession()
		in.Sequence = w.newest[key].GetSequence() + 1
		if d, known := w.digests[key]; known && in.GetPrevious() == nil {
			in.Previous = d[:]
		}
	}
	if in.GetArgumentsDigest() == nil {
		d := trust.DigestOf(in.GetArguments())
		in.ArgumentsDigest = d[:]
	}
	return in
}

// propose appends one list of intents of m and decides and applies each; a nil
// decision is a re-send. Every decision must be one that readers accept.
func (w *world) propose(m trusttest.Member, items ...[]byte) []*pb.Decision {
	w.tb.Helper()
	rec := w.mustAppend(schemas.KindIntent, m.ID.Name, m.List(schemas.KindIntent, w.zone.Ledger, items...))
	decisions := make([]*pb.Decision, len(rec.Items))
	for i := range rec.Items {
		d := w.state.Decide(w.fold, w.rules, intentBy(w.reader, rec, i))
		decisions[i] = d
		if d == nil {
			continue
		}
		checkDecision(w.tb, d)
		w.state.Apply(d, w.rules.Release.Bounds.Memory)
	}
	return decisions
}

func intentOf(rec ledger.Record, i int) verdict.Intent { return intentBy(verdict.Reader{}, rec, i) }

func intentBy(reader verdict.Reader, rec ledger.Record, i int) verdict.Intent {
	read := reader.Read(rec.Items[i].Bytes)
	return verdict.Intent{
		Position: ledger.Position{Seq: rec.Seq, Index: uint32(i)}, Digest: rec.Items[i].Digest, Size: len(rec.Items[i].Bytes),
		Signer: rec.Signer, Content: read.Intent, Defect: read.Defect, Opened: read.Opened,
	}
}

// ask proposes one intent and remembers it as its session's newest.
func (w *world) ask(m trusttest.Member, mutators ...func(*pb.Intent)) *pb.Decision {
	w.tb.Helper()
	in := w.intent(m, mutators...)
	item := encode(w.tb, in)
	key := m.ID.Name + "#" + in.GetSession()
	w.newest[key], w.digests[key] = in, trust.DigestOf(item)
	return w.propose(m, item)[0]
}

func encode(tb rapid.TB, m proto.Message) []byte {
	tb.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// checkDecision holds what is true of every decision: it passes the schema, it
// allows exactly when nothing speaks against it, and a DENY takes nothing.
func checkDecision(tb rapid.TB, d *pb.Decision) {
	tb.Helper()
	data, err := verdict.Encode(d)
	if err != nil {
		tb.Fatal(err)
	}
	if err := schemas.Decode(data, schemas.MaxItem, new(pb.Decision)); err != nil {
		tb.Fatalf("no reader would accept the decision: %v\n%v", err, d)
	}
	if allow := d.GetVerdict() == pb.Verdict_VERDICT_ALLOW; allow != (len(d.GetReasons()) == 0) {
		tb.Fatalf("verdict %v with reasons %v", d.GetVerdict(), d.GetReasons())
	}
	if len(d.GetReasons()) > 0 && len(d.GetCharges()) > 0 {
		tb.Fatalf("a denied intent is charged: %v", d.GetCharges())
	}
	if !slices.IsSorted(d.GetReasons()) {
		tb.Fatalf("reasons %v are not ascending", d.GetReasons())
	}
}

func wantReasons(tb rapid.TB, d *pb.Decision, want ...pb.Reason) {
	tb.Helper()
	if d == nil {
		tb.Fatal("no decision")
	}
	if !slices.Equal(d.GetReasons(), want) {
		tb.Fatalf("%v because of %v, want %v", d.GetVerdict(), d.GetReasons(), want)
	}
	if (d.GetVerdict() == pb.Verdict_VERDICT_ALLOW) != (len(want) == 0) {
		tb.Fatalf("verdict %v for reasons %v", d.GetVerdict(), want)
	}
}

// What tests change of an intent.

func session(id string) func(*pb.Intent) { return func(in *pb.Intent) { in.Session = id } }

func deadline(t time.Time) func(*pb.Intent) {
	return func(in *pb.Intent) { in.Deadline = timestamppb.New(t) }
}

func arguments(json string) func(*pb.Intent) {
	return func(in *pb.Intent) { in.Arguments = []byte(json) }
}

// pay makes it a payment.
func pay(amount int64) func(*pb.Intent) {
	return func(in *pb.Intent) {
		in.Tool, in.Action, in.Resource = "pay", "pay", "acct-7"
		in.Arguments = fmt.Appendf(nil, `{"amount":%d}`, amount)
	}
}

// What tests change of a release.

func policies(text string) func(*pb.Release) {
	return func(p *pb.Release) { p.Policies = []*pb.PolicySource{{Name: "zone.cedar", Text: text}} }
}

func limits(all ...*pb.Limit) func(*pb.Release) {
	return func(p *pb.Release) { p.Limits = all }
}

func bounds(mutate func(*pb.Bounds)) func(*pb.Release) {
	return func(p *pb.Release) { mutate(p.GetBounds()) }
}

func without(name string) func(*pb.Release) {
	return func(p *pb.Release) {
		p.Directory = slices.DeleteFunc(p.GetDirectory(), func(e *pb.Identity) bool { return e.GetName() == name })
	}
}

// alicesEntry changes what the directory says of alice.
func alicesEntry(mutate func(*pb.Identity)) func(*pb.Release) {
	return func(p *pb.Release) {
		for _, e := range p.GetDirectory() {
			if e.GetName() == "alice" {
				mutate(e)
			}
		}
	}
}
