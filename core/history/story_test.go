package history_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var update = flag.Bool("update", false, "write testdata anew instead of comparing it")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; see what changed with -update and git diff. Got:\n%s", path, got)
	}
}

// told is a ledger on which a bit of everything has happened.
type told struct {
	*world
	root, read, paid, slow, denied, stranger, late, idle request
	unknown                                              trust.Digest
	halt                                                 uint64
}

func tell(t *testing.T) *told {
	t.Helper()
	s := &told{world: newWorld(t, history.Config{}), unknown: trust.DigestOf([]byte("never appended"))}
	s.root = s.one("alice", of("inbox"))
	s.done(s.root)
	s.read = s.one("bob", because(s.root), of("notes \x1b[2J\"quoted\"\\.txt"))
	s.idle = s.one("bob", in("idle"))
	s.paid = s.one("bob", because(s.root, s.read), pay(5), s.delegated("pay"))
	s.done(s.paid)
	s.report(s.paid, s.claim(s.paid, "x1"), "x1", pb.Status_STATUS_EXECUTED) // a second claim, and its outcome
	s.slow = s.one("alice", because(s.paid), pay(50))
	s.decide("e1", "e2")
	s.answer(s.slow, true, "fine\nby me")
	s.done(s.slow)
	s.pulse()
	s.denied = s.one("alice", because(s.slow, s.slow), pay(500))
	s.decide("e1", "e2")
	halt := trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay")
	s.govern(halt)
	s.halt = s.seq
	s.stranger = s.one("bob", in("other"), func(i *pb.Intent) { i.Parents = [][]byte{s.unknown[:]}; i.Sequence = 4 })
	s.decide("e1")
	s.append(schemas.KindIntent, "bob", members()["bob"].List(schemas.KindIntent, s.zone.Ledger, s.read.item)) // again
	s.govern(trusttest.RevokeIdentity(members()["x2"].ID))
	s.late = s.one("alice", func(i *pb.Intent) { i.Deadline = timestamppb.New(s.now.Add(20 * time.Millisecond)) })
	s.now = s.now.Add(5 * time.Second)
	s.pulse()
	return s
}

// delegated lets alice hand a tool to bob.
func (s *told) delegated(tool string) func(*pb.Intent) {
	return func(i *pb.Intent) {
		i.Delegation = [][]byte{members()["alice"].Seal(schemas.KindDelegation, encode(s.tb, &pb.Delegation{
			Ledger: s.zone.Ledger[:], Delegator: spiffe("alice"), Delegate: spiffe("bob"), Tools: []string{tool}, Expires: timestamppb.New(s.now.Add(time.Hour)),
		}))}
	}
}

func (s *told) graph(t *testing.T, root request, w history.Walk) history.Graph {
	t.Helper()
	g, err := s.history.Lineage(root.digest, w)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestGolden pins what people see.
func TestGolden(t *testing.T) {
	s := tell(t)
	var b strings.Builder
	say := func(title, text string) { fmt.Fprintf(&b, "# %s\n%s\n", title, text) }
	say("the payment, all of it", s.graph(t, s.paid, history.Walk{Ancestors: true, Descendants: true}).String())
	say("causes of the denied one, two steps", s.graph(t, s.denied, history.Walk{Ancestors: true, Depth: 2}).String())
	say("effects of the first, along sessions too", s.graph(t, s.root, history.Walk{Descendants: true, Sessions: true}).String())
	say("causes of one with an unknown parent", s.graph(t, s.stranger, history.Walk{Ancestors: true}).String())
	nobody, err := s.history.Lineage(s.unknown, history.Walk{Descendants: true})
	if err != nil {
		t.Fatal(err)
	}
	say("effects of what is not on the ledger", nobody.String())
	chain, _ := s.history.Session(spiffe("bob"), "main")
	say("bob's session", chain.String())
	other, _ := s.history.Session(spiffe("bob"), "other")
	say("bob's other session", other.String())
	page, err := s.history.Search(history.Query{})
	if err != nil {
		t.Fatal(err)
	}
	say("all intents", history.Rows(page.Intents))
	standing, err := s.history.Standing(s.fold)
	if err != nil {
		t.Fatal(err)
	}
	say("the end", standing.String())
	say("the executor's", s.history.TouchedByIdentity(spiffe("x1")).String())
	say("the revoked one's key", s.history.TouchedByKey(members()["x2"].Key.ID()).String())
	say("the governor's key", s.history.TouchedByKey(trusttest.Governor(0).ID()).String())
	golden(t, "story.txt", b.String())
	golden(t, "story.dot", s.graph(t, s.paid, history.Walk{Ancestors: true, Descendants: true, Sessions: true, Depth: 1}).DOT())
}

// TestStates: each intent of the story has become what it must.
func TestStates(t *testing.T) {
	s := tell(t)
	for name, tt := range map[string]struct {
		of   request
		want history.State
	}{
		"executed": {s.root, history.StateExecuted}, "with a second claim": {s.paid, history.StateExecuted}, "approved": {s.slow, history.StateExecuted},
		"denied": {s.denied, history.StateDenied}, "no quorum yet": {s.stranger, history.StateOpen}, "decided by nobody in time": {s.late, history.StateExpired},
		"refused by its resource": {s.read, history.StateDenied}, "allowed and not claimed": {s.idle, history.StateAllowed},
	} {
		in, ok := s.history.Intent(tt.of.digest)
		if !ok || in.State != tt.want || in.State.Final() != (tt.want != history.StateOpen && tt.want != history.StateAllowed) {
			t.Errorf("%s: %q, want %q", name, in.State, tt.want)
		}
	}
	if c := s.history.Counts(); c.Intents != len(s.asked) || c.Named != 1 || c.Strays != 0 || c.Claims != 4 || c.Approvals != 1 {
		t.Errorf("counts %+v", c)
	}
}

// TestClaimsAndOutcomes: the second claim is void, its outcome is rogue, and the
// approved payment was allowed in round 1.
func TestClaimsAndOutcomes(t *testing.T) {
	s := tell(t)
	paid, _ := s.history.Intent(s.paid.digest)
	if len(paid.Claims) != 2 || !paid.Claims[0].Valid || paid.Claims[1].Void != "claim.second" || len(paid.Outcomes) != 2 || paid.Outcomes[0].Rogue || !paid.Outcomes[1].Rogue {
		t.Errorf("claims %+v, outcomes %+v", paid.Claims, paid.Outcomes)
	}
	if len(paid.Delegation) != 1 || !paid.Delegation[0].Signed || paid.Delegation[0].Delegator != spiffe("alice") {
		t.Errorf("delegation %+v", paid.Delegation)
	}
	slow, _ := s.history.Intent(s.slow.digest)
	quorums := map[uint32]string{}
	for _, d := range slow.Decisions {
		if d.Quorum {
			quorums[d.Round] = d.Verdict
		}
	}
	if quorums[0] != "DENY" || quorums[1] != "ALLOW" || slow.Verdict != "ALLOW" || slow.Release != 1 {
		t.Errorf("quorums %v, verdict %s under release %d", quorums, slow.Verdict, slow.Release)
	}
	if read, _ := s.history.Intent(s.read.digest); len(read.Resent) != 1 {
		t.Errorf("sent again at %v", read.Resent)
	}
}

// TestStanding: who might ask for what, where it is asked.
func TestStanding(t *testing.T) {
	s := tell(t)
	end, err := s.history.Standing(s.fold)
	if err != nil {
		t.Fatal(err)
	}
	if end.Release.Version != 1 || len(end.Halts) != 1 || end.Halts[0].Position != s.halt || end.Closed != "" || !end.Pulse.Fresh || len(end.Revoked) != 1 {
		t.Errorf("%+v", end)
	}
	if a := end.Agents[0]; a.Name != "alice" || a.Tools["pay"] != history.CellHalted || a.Tools["read"] != history.CellOpen {
		t.Errorf("alice: %v", a)
	}
	s.govern(trusttest.RevokeIdentity(members()["bob"].ID))
	s.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	end, err = s.history.Standing(s.fold)
	if err != nil || end.Closed != "everything is halted" || end.Agents[1].Tools["read"] != history.CellRevoked || end.Agents[0].Tools["read"] != history.CellHalted {
		t.Errorf("%+v, %v", end, err)
	}
	if _, err := history.New(history.Config{}).Standing(s.fold); err == nil {
		t.Error("a history that was told nothing tells what was allowed")
	}
}

// TestSealedAndEmptyStandings: nothing is open before a release and behind a seal.
func TestSealedAndEmptyStandings(t *testing.T) {
	s := tell(t)
	s.govern(&pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "the end"}}})
	end, err := s.history.Standing(s.fold)
	if err != nil || end.Closed != "the ledger is sealed" || !end.Sealed || end.Agents[0].Tools["read"] != history.CellHalted {
		t.Errorf("%+v, %v", end, err)
	}
}

// TestSealedArguments: whose key arguments are sealed to is told, wherever the
// intent is.
func TestSealedArguments(t *testing.T) {
	s := tell(t)
	in := s.intent("alice", func(i *pb.Intent) { i.Arguments, i.Sealed = nil, &pb.Sealed{Key: "people", Data: make([]byte, 100)} })
	asked := s.ask("alice", in)[0]
	told, _ := s.history.Intent(asked.digest)
	const mark = "read notes.txt (sealed to people)"
	if told.SealedTo != "people" || !strings.Contains(told.String(), mark) || !strings.Contains(history.Rows([]history.Intent{told}), mark) {
		t.Errorf("%q:\n%s", told.SealedTo, told)
	}
	if plain, _ := s.history.Intent(s.paid.digest); plain.SealedTo != "" || strings.Contains(plain.String(), "sealed") {
		t.Errorf("one in the clear: %q:\n%s", plain.SealedTo, plain)
	}
}

// TestFind asks for one intent in every way, and in wrong ones.
func TestFind(t *testing.T) {
	s := tell(t)
	paid, _ := s.history.Intent(s.paid.digest)
	for _, text := range []string{paid.Position, paid.Digest, paid.Digest[:12], strings.ToUpper(paid.Digest), paid.ID, paid.Decisions[0].Position, paid.Claims[1].Position, paid.Outcomes[0].Position} {
		if got, err := s.history.Find(text); err != nil || got != s.paid.digest {
			t.Errorf("%s: %s, %v", text, got.Short(), err)
		}
	}
	if got, err := s.history.Find(s.unknown.String()[:8]); err != nil || got != s.unknown {
		t.Errorf("one that is only named: %v", err)
	}
	for text, want := range map[string]string{
		"99999": history.ErrNotFound.Error(), "1.0": history.ErrNotFound.Error(), strings.Repeat("0", 64): history.ErrNotFound.Error(),
		"": history.ErrQuestion.Error(), "abc": history.ErrQuestion.Error(), "17.99999": history.ErrQuestion.Error(), "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz": history.ErrQuestion.Error(),
	} {
		if _, err := s.history.Find(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	again := s.intent("alice", func(i *pb.Intent) { i.Id = s.paid.intent.GetId(); i.Session = "copy" })
	s.ask("alice", again)
	if _, err := s.history.Find(paid.ID); err == nil || !strings.Contains(err.Error(), history.ErrAmbiguous.Error()) {
		t.Errorf("two intents of one id: %v", err)
	}
}

// TestFindKey: of participants and of governors.
func TestFindKey(t *testing.T) {
	s := tell(t)
	for _, key := range []trust.KeyID{members()["x1"].Key.ID(), trusttest.Governor(0).ID()} {
		if got, err := s.history.FindKey(key.String()[:10]); err != nil || got != key {
			t.Errorf("%s: %v", key.Short(), err)
		}
	}
	for _, text := range []string{"", "12", "nobody", strings.Repeat("0", 64)} {
		if _, err := s.history.FindKey(text); err == nil {
			t.Errorf("%q is a key", text)
		}
	}
}

// TestSessionsThatBreak: each way not to follow.
func TestSessionsThatBreak(t *testing.T) {
	w := newWorld(t, history.Config{})
	first := w.one("alice")
	second := w.one("alice")
	as := func(sequence uint64, previous []byte) func(*pb.Intent) {
		return func(i *pb.Intent) { i.Sequence, i.Previous = sequence, previous }
	}
	w.one("alice", as(2, first.digest[:]))  // equivocation
	w.one("alice", as(4, second.digest[:])) // 3 is left out
	w.one("alice", as(5, first.digest[:]))  // not the one before it
	w.one("alice", as(1, nil))
	chain, ok := w.history.Session(spiffe("alice"), "main")
	var got []history.Follows
	for _, l := range chain.Links {
		got = append(got, l.Follows)
	}
	want := []history.Follows{history.FollowsBegins, history.FollowsContinues, history.FollowsRepeats, history.FollowsGap, history.FollowsFork, history.FollowsBegins}
	if !ok || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	w.one("bob", as(3, nil))
	if chain, _ := w.history.Session(spiffe("bob"), "main"); chain.Links[0].Follows != history.FollowsGap {
		t.Errorf("begins in the middle: %s", chain.Links[0].Follows)
	}
	for _, q := range [][2]string{{spiffe("alice"), "none"}, {spiffe("x1"), "main"}, {"", "main"}, {spiffe("alice"), ""}} {
		if _, ok := w.history.Session(q[0], q[1]); ok {
			t.Errorf("%v is a session", q)
		}
	}
}

// TestForgedAndUnreadable: what an agent says is not who it is.
func TestForgedAndUnreadable(t *testing.T) {
	w := newWorld(t, history.Config{})
	forged := w.one("bob", func(i *pb.Intent) { i.Agent = spiffe("alice") })
	w.append(schemas.KindIntent, "bob", members()["bob"].List(schemas.KindIntent, w.zone.Ledger, []byte("no intent")))
	w.append(schemas.KindIntent, "bob", members()["bob"].List(schemas.KindIntent, trust.Digest{1}, forged.item)) // for another ledger
	w.decide("e1", "e2")
	got, _ := w.history.Intent(forged.digest)
	if got.Agent != spiffe("bob") || got.InNameOf != spiffe("alice") || got.State != history.StateDenied {
		t.Errorf("%+v", got)
	}
	page, err := w.history.Search(history.Query{Filter: history.Filter{Agent: spiffe("bob")}})
	if err != nil || page.Total != 3 || page.Intents[1].Defect != "intent.malformed" || page.Intents[2].Defect != "payload.malformed" {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, in := range page.Intents {
		if in.State != history.StateDenied || len(in.Decisions) != 2 {
			t.Errorf("%s: %s", in.Position, in.State)
		}
	}
	if page, _ := w.history.Search(history.Query{Filter: history.Filter{Agent: spiffe("alice")}}); page.Total != 0 {
		t.Errorf("alice has %d intents", page.Total)
	}
}

// TestStrays: what is about nothing is kept apart, and makes nobody panic.
func TestStrays(t *testing.T) {
	w := newWorld(t, history.Config{})
	ghost := request{digest: trust.DigestOf([]byte("ghost")), intent: w.intent("alice"), at: w.position()}
	claim := w.claim(ghost, "x1")
	w.report(ghost, claim, "x1", pb.Status_STATUS_EXECUTED)
	w.answer(ghost, true, "")
	for kind, by := range map[schemas.Kind]string{schemas.KindDecision: "e1", schemas.KindClaim: "x1", schemas.KindOutcome: "x1"} {
		w.append(kind, "read", members()[by].List(kind, w.zone.Ledger, []byte("junk")))
	}
	if got := w.history.Strays(); len(got) != 6 || w.history.Counts().Intents != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := w.tell(schemas.KindPulse, "", []byte("noise")); err != nil || w.history.Counts().Noise != 1 {
		t.Errorf("noise: %v, %+v", err, w.history.Counts())
	}
}

// TestJSONIsStable pins the names of an intent's fields.
func TestJSONIsStable(t *testing.T) {
	s := tell(t)
	in, _ := s.history.Intent(s.slow.digest)
	data, err := json.MarshalIndent(in, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "intent.json", string(data)+"\n")
}

// TestWhy: a row says why an intent was not executed.
func TestWhy(t *testing.T) {
	w := newWorld(t, history.Config{})
	failed, void := w.one("alice"), w.one("bob")
	w.decide("e1", "e2")
	w.report(failed, w.claim(failed, "x1"), "x1", pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_LATE)
	w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	w.claim(void, "x1")
	w.now = w.now.Add(time.Minute)
	w.pulse()
	page, err := w.history.Search(history.Query{})
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(history.Rows(page.Intents), "\n")
	if !strings.Contains(rows[0], "abandoned") || !strings.HasSuffix(rows[0], "start.late") || !strings.Contains(rows[1], "void") || !strings.HasSuffix(rows[1], "claim.halted") {
		t.Errorf("%q", rows)
	}
}
