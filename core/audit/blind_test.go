package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// sealing is a world whose agents may seal arguments. The enforcers there hold the
// key, and so does what tells them which decision is due.
type sealing struct {
	*world
	key *trust.SealingKey
}

func newSealing(t *testing.T) sealing {
	t.Helper()
	key, err := trust.GenerateSealingKey("box")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := trust.NewSealingKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, trusttest.NewZone(1, 1), func(r *pb.Release) { r.SealingKeys = []*pb.SealingKey{key.SealTo().Proto()} })
	w.reader = verdict.Reader{Ledger: w.zone.Ledger, Keys: keys}
	return sealing{w, key}
}

// shut is an intent with sealed arguments.
func (s sealing) shut(mutators ...func(*pb.Intent)) *request {
	s.tb.Helper()
	in := s.intent("alice", mutators...)
	s.sealArguments(s.key, in)
	return s.propose("alice", in)[0]
}

func (w *world) sealArguments(key *trust.SealingKey, in *pb.Intent) {
	w.tb.Helper()
	if err := trust.SealArguments(key.SealTo(), w.zone.Ledger, in, in.GetArguments()); err != nil {
		w.tb.Fatal(err)
	}
}

// audits are the first reading and the second, which is told what the first could
// not derive.
func (s sealing) audits(t *testing.T) (first, second *audit.Report) {
	t.Helper()
	x := s.export()
	a := audit.New(x.config())
	for _, raw := range x.raws {
		if err := a.Step(a.Prepare(raw)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := x.config()
	cfg.Recorded = a.Underived()
	return a.Finish(), x.run(t, cfg, nil)
}

// TestSealed: what quorums decided on sealed arguments is enough to derive all
// other verdicts.
func TestSealed(t *testing.T) {
	s := newSealing(t)
	s.decide(one, s.shut())
	s.executed()
	s.decide(one, s.ask("bob", pay(20000)))
	s.pass(11 * time.Second)
	first, second := s.audits(t)
	wantClean(t, first)
	wantClean(t, second)
	if first.Verdicts != 0 || second.Verdicts != 2 || second.Compared != 2 {
		t.Errorf("%d, then %d verdicts and %d compared", first.Verdicts, second.Verdicts, second.Compared)
	}
	if !unjudged(first, "taken as recorded, 3 of them, 2 of these in the clear") || !unjudged(second, "taken as recorded, 1 of them") || unjudged(second, "in the clear") {
		t.Errorf("unjudged: %q, then %q", first.Unjudged, second.Unjudged)
	}
}

// TestApprovedWhileBlind: the round that an approval opens behind sealed arguments
// is not wrong because nobody can derive it.
func TestApprovedWhileBlind(t *testing.T) {
	s := newSealing(t)
	r := s.ask("bob", pay(500))
	s.decide(both, r)
	s.decide(one, s.shut())
	for _, by := range []string{"p1", "p2"} {
		s.answer(by, r, true)
		s.decide(both, r)
	}
	s.report("x1", r, s.claim("x1", r), pb.Status_STATUS_EXECUTED)
	s.pass(11 * time.Second)
	first, second := s.audits(t)
	wantClean(t, first)
	wantClean(t, second)
	if !unjudged(first, "taken as recorded, 2 of them, 1 of these in the clear") || unjudged(second, "in the clear") {
		t.Errorf("unjudged: %q, then %q", first.Unjudged, second.Unjudged)
	}
	if first.Final[audit.StateExecuted] != 1 || first.Compared != 2 || second.Compared != 6 {
		t.Errorf("final %v; %d, then %d compared", first.Final, first.Compared, second.Compared)
	}
}

// TestRoundsStillCompared: what was derived before is compared, however blind an
// audit has become.
func TestRoundsStillCompared(t *testing.T) {
	s := newSealing(t)
	r := s.ask("bob", pay(500))
	first := *r
	s.decide(one, s.shut())
	s.answer("p1", r, true)
	s.decideOtherwise("e1", &first, func(d *pb.Decision) { d.Policies = []string{"small"} })
	want := wanted("replay.mismatch $", s.seq())
	once, twice := s.audits(t)
	if got, again := found(once), found(twice); !slices.Equal(got, want) || !slices.Equal(again, want) {
		t.Errorf("found %q, then %q; want %q", got, again, want)
	}
}

// TestBlinded: a sealed intent that nobody decides does not hide what is decided
// behind it.
func TestBlinded(t *testing.T) {
	s := newSealing(t)
	s.shut(session("shut"))
	evil := s.ask("bob", pay(20000))
	s.decideOtherwise("e1", evil, func(d *pb.Decision) {
		d.Verdict, d.Reasons, d.Policies = pb.Verdict_VERDICT_ALLOW, nil, []string{"small"}
	})
	hidden := ledger.Position{Seq: s.seq()}
	s.report("x1", evil, s.claim("x1", evil), pb.Status_STATUS_EXECUTED)
	s.ask("bob") // nobody decides it: nothing rests on it
	s.pass(20 * time.Second)
	s.checkpoint()
	first, second := s.audits(t)
	if !unjudged(first, "taken as recorded, 2 of them, 1 of these in the clear") {
		t.Errorf("unjudged: %q", first.Unjudged)
	}
	if got := found(first); slices.Contains(got, "audit.blind "+hidden.String()) {
		t.Errorf("a first reading finds %q", got)
	}
	if got := found(second); !slices.Contains(got, "audit.blind "+hidden.String()) {
		t.Errorf("a second reading finds %q, unjudged %q", got, second.Unjudged)
	}
}

// TestToldTooMuch: who may not have been told everything finds nothing because of
// it.
func TestToldTooMuch(t *testing.T) {
	s := newSealing(t)
	s.shut(session("shut"))
	s.decide(one, s.ask("bob", pay(20000)))
	s.pass(11 * time.Second)
	s.checkpoint()
	for n, want := range map[int]bool{audit.MaxRecorded - 1: false, audit.MaxRecorded: true} {
		cfg := s.export().config()
		cfg.Recorded = make(map[ledger.Position]*pb.Decision, n)
		for i := range n {
			cfg.Recorded[ledger.Position{Seq: 1 << 40, Index: uint32(i)}] = nil
		}
		if r := s.export().run(t, cfg, nil); r.Clean() != want || unjudged(r, "1 of these in the clear") != want {
			t.Errorf("told %d: found %q, unjudged %q", n, found(r), r.Unjudged)
		}
	}
}

// TestSealedToAStranger: arguments that are sealed to a key which no release lists
// are denied by everybody: their verdict is derived, and blinds nobody.
func TestSealedToAStranger(t *testing.T) {
	w := newWorld(t)
	key, err := trust.GenerateSealingKey("box")
	if err != nil {
		t.Fatal(err)
	}
	in := w.intent("alice")
	w.sealArguments(key, in)
	w.decide(one, w.propose("alice", in)...)
	w.executed()
	w.pass(11 * time.Second)
	r := w.export().audit(t)
	wantClean(t, r)
	if r.Final[audit.StateDenied] != 1 || r.Compared != 2 || unjudged(r, "sealed") {
		t.Errorf("%+v", r)
	}
}
