package vitals

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// epoch is when every test's ledger begins.
var epoch = time.Unix(1_800_000_000, 0)

func someone(role pb.Role, name string) trust.Identity {
	return trust.Identity{TrustDomain: "example.test", Zone: "home", Role: role, Name: name}
}

// decided is a record of one decision, signed by an enforcer.
func decided(seq uint64, at time.Time, by string, d *pb.Decision) (ledger.Record, ahead) {
	return ledger.Record{
		Seq: seq, LogTime: at, Kind: schemas.KindDecision, Signer: trust.Credential{ID: someone(pb.Role_ROLE_ENFORCER, by)},
		Items: []ledger.Item{{Digest: trust.DigestOf(d.GetIntentDigest())}},
	}, ahead{decisions: []*pb.Decision{d}}
}

func decision(n int, asked time.Time, verdict pb.Verdict, reasons ...pb.Reason) *pb.Decision {
	return &pb.Decision{
		IntentDigest: fmt.Appendf(nil, "intent %d", n), Verdict: verdict, Reasons: reasons,
		LogTime: timestamppb.New(asked), Deadline: timestamppb.New(asked.Add(10 * time.Second)),
	}
}

// take counts a record as step does.
func (t *tally) take(rec ledger.Record, a ahead, threshold int) {
	t.record(t.second(rec.Seq, rec.LogTime), rec, a, threshold)
}

// TestASecondIsKnownOnceItIsOver: neither before reading began, nor while its records may
// not all be read, nor once it was forgotten.
func TestASecondIsKnownOnceItIsOver(t *testing.T) {
	tally := newTally()
	second := epoch.Unix()
	tally.second(7, epoch.Add(300*time.Millisecond))
	tally.second(8, epoch.Add(2*time.Second))
	for at, want := range map[int64]bool{second - 1: false, second: false, second + 1: true, second + 2: false, second + 3: false} {
		if got := tally.ring.knows(at); got != want {
			t.Errorf("second %+d is known: %t, want %t", at-second, got, want)
		}
	}
	tally.second(9, epoch.Add((window+1)*time.Second))
	if tally.ring.knows(second + 1) {
		t.Error("a second that left the window is still known")
	}
	if !tally.ring.knows(second+2) || !tally.ring.knows(second+window) {
		t.Error("seconds in which nothing was recorded are known: nothing happened in them")
	}
	if sum, whole := tally.ring.sum(second+2, second+window); !whole || sum.records != 1 {
		t.Errorf("%d records in all that is known (whole: %t), want the one", sum.records, whole)
	}
	whole := newTally()
	whole.second(1, epoch.Add(time.Millisecond))
	whole.second(2, epoch.Add(time.Second))
	if !whole.ring.knows(second) {
		t.Error("nothing stands before a ledger's first record")
	}
}

// TestALeapForgetsWhatItPasses: a ring holds no second of the lap before.
func TestALeapForgetsWhatItPasses(t *testing.T) {
	tally := newTally()
	for i := range uint64(2 * window) {
		tally.second(i+1, epoch.Add(time.Duration(i)*time.Second))
	}
	later := epoch.Add(5 * window * time.Second)
	tally.second(9999, later)
	if sum, whole := tally.ring.sum(later.Unix()-window+1, later.Unix()); !whole || sum.records != 0 {
		t.Errorf("%d records in a window in which nothing was recorded (whole: %t)", sum.records, whole)
	}
}

// TestDecisionsCountOnceAQuorumSigned: copies and lone votes are none.
func TestDecisionsCountOnceAQuorumSigned(t *testing.T) {
	tally := newTally()
	d := decision(1, epoch, pb.Verdict_VERDICT_ALLOW)
	for i, by := range []string{"e1", "e1", "e2", "e3", "e2"} {
		rec, a := decided(uint64(i+1), epoch.Add(time.Duration(i+1)*100*time.Millisecond), by, d)
		tally.take(rec, a, 2)
		allowed := tally.ring.slots[epoch.Unix()%window].allowed
		if want := uint32(min(i/2, 1)); allowed != want {
			t.Errorf("after vote %d by %s: %d allowed, want %d", i, by, allowed, want)
		}
	}
	tally.second(9, epoch.Add(time.Second))
	got, ok := tally.ring.figuresOf(epoch.Unix(), epoch.Unix()+1)
	if !ok || got.Allowed != 1 || got.Records != 5 || got.Late != 0 {
		t.Fatalf("%+v, known: %t", got, ok)
	}
	// The quorum stood 300 ms after the intent, of 10 s: bins are 9 % wide.
	within(t, "p99", got.P99, 300, 327.2)
	within(t, "deadline used", got.Used, 0.03, 0.0328)
}

func within(t *testing.T, what string, got number, least, most float64) {
	t.Helper()
	if !got.known || got.value < least || got.value > most {
		t.Errorf("%s is %v, want %v to %v", what, got, least, most)
	}
}

// TestVerdictsAndReasons: each of a denial's reasons counts, waiting is no denial, and what
// came after its deadline is late.
func TestVerdictsAndReasons(t *testing.T) {
	tally := newTally()
	for i, d := range []*pb.Decision{
		decision(0, epoch, pb.Verdict_VERDICT_DENY_UNSPECIFIED, pb.Reason_REASON_POLICY_DEFAULT_DENY, pb.Reason_REASON_SESSION_GAP),
		decision(1, epoch, pb.Verdict_VERDICT_DENY_UNSPECIFIED, pb.Reason_REASON_SESSION_GAP),
		decision(2, epoch, pb.Verdict_VERDICT_DENY_UNSPECIFIED, pb.Reason_REASON_APPROVAL_PENDING),
		decision(3, epoch.Add(-20*time.Second), pb.Verdict_VERDICT_DENY_UNSPECIFIED, pb.Reason_REASON_SESSION_GAP),
		{IntentDigest: []byte("unreadable"), LogTime: timestamppb.New(epoch), Reasons: []pb.Reason{pb.Reason_REASON_SESSION_GAP}},
	} {
		rec, a := decided(uint64(i+1), epoch, "e1", d)
		tally.take(rec, a, 1)
	}
	rec, _ := decided(8, epoch, "e1", decision(9, epoch, pb.Verdict_VERDICT_ALLOW))
	tally.take(rec, ahead{decisions: []*pb.Decision{nil}}, 1) // cannot be read
	tally.second(9, epoch.Add(time.Second))
	got, _ := tally.ring.figuresOf(epoch.Unix(), epoch.Unix()+1)
	if got.Denied != 4 || got.Pending != 1 || got.Allowed != 0 || got.Late != 1 {
		t.Errorf("%+v", got)
	}
	if got.Reasons["session.gap"] != 4 || got.Reasons["policy.default_deny"] != 1 || len(got.Reasons) != 2 {
		t.Errorf("reasons: %v", got.Reasons)
	}
}

// TestOutcomes: each counts once, and takes as long as since the list that its claim
// stands in.
func TestOutcomes(t *testing.T) {
	tally := newTally()
	tally.take(ledger.Record{Seq: 1, LogTime: epoch, Kind: schemas.KindClaim}, ahead{}, 1)
	for i, o := range []*pb.Outcome{
		{Status: pb.Status_STATUS_EXECUTED, Claim: &pb.Position{Sequence: 1}},
		{Status: pb.Status_STATUS_EXECUTED, Claim: &pb.Position{Sequence: 1}}, // the same bytes again
		{Status: pb.Status_STATUS_ABANDONED, Claim: &pb.Position{Sequence: 77}},
	} {
		digest := trust.DigestOf([]byte(o.String()))
		tally.take(ledger.Record{Seq: uint64(i + 2), LogTime: epoch.Add(50 * time.Millisecond), Kind: schemas.KindOutcome, Items: []ledger.Item{{Digest: digest}}},
			ahead{outcomes: []*pb.Outcome{o}}, 1)
	}
	tally.second(9, epoch.Add(time.Second))
	got, _ := tally.ring.figuresOf(epoch.Unix(), epoch.Unix()+1)
	if got.Outcomes["executed"] != 1 || got.Outcomes["abandoned"] != 1 || got.Outcomes["failed"] != 0 {
		t.Errorf("outcomes: %v", got.Outcomes)
	}
	within(t, "p50 from claim to outcome", got.DoneP50, 50, 54.6)
}

// TestMemoryIsBounded: whatever a ledger holds, no more than so much of it is kept.
func TestMemoryIsBounded(t *testing.T) {
	tally := newTally()
	for i := range 5 * keepVotes {
		at := epoch.Add(time.Duration(i) * time.Millisecond)
		rec, a := decided(uint64(i+1), at, "e1", decision(i, at, pb.Verdict_VERDICT_ALLOW))
		tally.take(rec, a, 1)
		tally.take(ledger.Record{Seq: uint64(i + 1), LogTime: at, Kind: schemas.KindClaim}, ahead{}, 1)
	}
	if tally.votes.len() > 2*keepVotes || tally.claims.len() > 2*keepClaims {
		t.Errorf("%d votes and %d claims are kept", tally.votes.len(), tally.claims.len())
	}
	if _, ok := tally.claims.get(5 * keepVotes); !ok {
		t.Error("the newest claim is forgotten")
	}
	for i := range 10 * keepEvents {
		tally.govern(ledger.Record{Seq: uint64(i), LogTime: epoch})
	}
	if n := len(tally.events); n != keepEvents || tally.events[n-1].Position != 10*keepEvents-1 {
		t.Errorf("%d governance records are kept", n)
	}
}

// TestUnknownIsNull: a figure that is not known, or is none, is never a number.
func TestUnknownIsNull(t *testing.T) {
	for _, test := range []struct {
		figure number
		want   string
	}{
		{unknown, "null"},
		{new(histogram).quantile(most), "null"},
		{known(0), "0"},
		{known(1.0 / 3), "0.3333"},
		{known(1).times(milli), "0.001"},
		{unknown.times(milli), "null"},
	} {
		if got, err := json.Marshal(test.figure); err != nil || string(got) != test.want {
			t.Errorf("%v is written as %s (%v), want %s", test.figure, got, err, test.want)
		}
	}
}

// TestQuantiles: never less than the truth, and at most a bin more.
func TestQuantiles(t *testing.T) {
	var h histogram
	for v := 1; v <= 1000; v++ {
		h.add(float64(v))
	}
	within(t, "p50", h.quantile(half), 500, 546)
	within(t, "p99", h.quantile(most), 990, 1080)
	h = histogram{}
	h.add(-5)
	h.add(0)
	within(t, "nothing", h.quantile(most), 1, 1)
	h.add(1e300)
	within(t, "a very long time", h.quantile(1), 1e8, 2e8)
}
