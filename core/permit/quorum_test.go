package permit_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestQuorumOfTwo: which decisions of three enforcers add up to two.
func TestQuorumOfTwo(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(w *world, r request)
		void pb.Reason
	}{
		{"two of three", func(w *world, r request) { w.decide(w.decision(r), w.e1, w.e3) }, 0},
		{"all three", func(w *world, r request) { w.decide(w.decision(r), w.e2, w.e1, w.e3) }, 0},
		{"one", func(w *world, r request) { w.decide(w.decision(r), w.e1) }, undecided},
		{"one, three times", func(w *world, r request) { w.decide(w.decision(r), w.e1, w.e1, w.e1) }, undecided},
		{"one with two keys", func(w *world, r request) {
			rotated := w.zone.CA.Rotated(w.e1, "second")
			w.introduce(rotated)
			w.decide(w.decision(r), w.e1, rotated)
		}, undecided},
		{"two that differ", func(w *world, r request) {
			w.decide(w.decision(r), w.e1)
			w.decide(w.decision(r, func(d *pb.Decision) { d.Policies = []string{"other"} }), w.e2)
		}, undecided},
		{"one against two", func(w *world, r request) {
			w.decide(w.decision(r, func(d *pb.Decision) { d.Verdict = pb.Verdict_VERDICT_DENY_UNSPECIFIED }), w.e1)
			w.decide(w.decision(r), w.e2, w.e3)
		}, 0},
		{"one for two who deny", func(w *world, r request) {
			w.decide(w.decision(r), w.e1)
			w.decide(w.decision(r, func(d *pb.Decision) { d.Verdict = pb.Verdict_VERDICT_DENY_UNSPECIFIED }), w.e2, w.e3)
		}, denied},
		{"one in each of two rounds", func(w *world, r request) {
			w.decide(w.decision(r), w.e1)
			w.decide(w.decision(r, func(d *pb.Decision) { d.Round = 1 }), w.e2)
		}, undecided},
		{"allowed in the newest round", func(w *world, r request) {
			w.decide(w.decision(r, func(d *pb.Decision) { d.Verdict = pb.Verdict_VERDICT_DENY_UNSPECIFIED }), w.e1, w.e2)
			w.decide(w.decision(r, func(d *pb.Decision) { d.Round = 1 }), w.e1, w.e2)
		}, 0},
		{"denied in the newest round", func(w *world, r request) {
			w.decide(w.decision(r), w.e1, w.e2)
			w.decide(w.decision(r, func(d *pb.Decision) { d.Round, d.Verdict = 1, pb.Verdict_VERDICT_DENY_UNSPECIFIED }), w.e1, w.e2)
		}, denied},
		{"an old round, late", func(w *world, r request) {
			w.decide(w.decision(r, func(d *pb.Decision) { d.Round, d.Verdict = 1, pb.Verdict_VERDICT_DENY_UNSPECIFIED }), w.e1, w.e2)
			w.decide(w.decision(r), w.e1, w.e2)
		}, denied},
		{"signed by one who is no enforcer", func(w *world, r request) {
			d := w.decision(r)
			w.decide(d, w.e1)
			if w.book.Decide(w.fold, "read", w.x1.ID, item(w, d), d) != nil {
				w.tb.Error("an executor completed a quorum")
			}
		}, undecided},
		{"on another tool's subject", func(w *world, r request) {
			d := w.decision(r)
			w.decide(d, w.e1)
			if w.book.Decide(w.fold, "pay", w.e2.ID, item(w, d), d) != nil {
				w.tb.Error("a decision on another tool's subject completed a quorum")
			}
		}, undecided},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 2)
			r := w.request()
			test.act(w, r)
			w.pulse()
			if ruling := w.claim(r, w.x1); ruling.Void != test.void {
				t.Errorf("void because of %v, want %v", ruling.Void, test.void)
			}
		})
	}
}

func item(w *world, d *pb.Decision) ledger.Item {
	data := encode(w.tb, d)
	return ledger.Item{Bytes: data, Digest: trust.DigestOf(data)}
}

// TestQuorumIsReportedOnce: by the vote that completes it.
func TestQuorumIsReportedOnce(t *testing.T) {
	w := newWorld(t, 2)
	r := w.request()
	for i, by := range []trusttest.Member{w.e1, w.e1, w.e2, w.e2, w.e3} {
		if got := w.decide(w.decision(r), by); (got != nil) != (i == 2) {
			t.Errorf("vote %d: quorum %v", i, got)
		}
	}
}

// TestDecisionBounds: a decision on which no claim could be valid is not kept.
func TestDecisionBounds(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(d *pb.Decision, now time.Time)
		want   bool
	}{
		{"deadline now", func(d *pb.Decision, now time.Time) { d.Deadline = timestamppb.New(now) }, false},
		{"deadline next", func(d *pb.Decision, now time.Time) { d.Deadline = timestamppb.New(now.Add(1)) }, true},
		{"deadline at the bound", func(d *pb.Decision, now time.Time) { d.Deadline = timestamppb.New(now.Add(time.Minute)) }, true},
		{"deadline beyond the bound", func(d *pb.Decision, now time.Time) { d.Deadline = timestamppb.New(now.Add(time.Minute + 1)) }, false},
		{"no deadline", func(d *pb.Decision, _ time.Time) { d.Deadline = nil }, false},
		{"no tool", func(d *pb.Decision, _ time.Time) { d.Tool = "" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, 1)
			d := w.decision(w.request())
			test.change(d, w.now)
			if got := w.decide(d, w.e1); (got != nil) != test.want {
				t.Errorf("quorum %v, want one: %v", got, test.want)
			}
		})
	}
	w := newWorld(t, 1)
	if w.book.Decide(w.fold, "read", w.e1.ID, ledger.Item{}, nil) != nil {
		t.Error("an unreadable decision made a quorum")
	}
}

func TestReadDecision(t *testing.T) {
	w := newWorld(t, 1)
	good := encode(t, w.decision(w.request()))
	if permit.ReadDecision(good) == nil {
		t.Error("a decision was not read")
	}
	for name, data := range map[string][]byte{
		"garbage": {0xff}, "empty": nil, "unknown field": append(append([]byte(nil), good...), 0xf8, 0x07, 0x01),
		"oversized": make([]byte, schemas.MaxItem+1), "no digest": encode(t, w.decision(w.request(), func(d *pb.Decision) { d.IntentDigest = nil })),
	} {
		if permit.ReadDecision(data) != nil {
			t.Errorf("%s: read", name)
		}
	}
}

// TestForgets: the book keeps an intent until its deadline and not longer.
func TestForgets(t *testing.T) {
	w := newWorld(t, 1)
	r := w.request()
	w.decide(w.decision(r), w.e1)
	w.pulse()
	if ruling := w.claim(r, w.x1); !ruling.Valid() {
		t.Fatal(ruling.Void)
	}
	w.book.Expire(w.now.Add(10*time.Second - 1))
	if !w.book.Claimed(r.digest) {
		t.Error("forgotten before its deadline")
	}
	w.book.Expire(w.now.Add(10 * time.Second))
	if w.book.Claimed(r.digest) {
		t.Error("kept beyond its deadline")
	}
	w.now = w.now.Add(10 * time.Second)
	w.pulse()
	w.decide(w.decision(r), w.e1) // once more, too late
	if ruling := w.claim(r, w.x2); ruling.Void != undecided {
		t.Errorf("after the deadline: %v", ruling.Void)
	}
}

// TestEarlyDeadlineForgetsNothing is S2 against one dishonest enforcer of three.
// He names an earlier deadline first, so that the book would forget the intent
// and its claim; then he appends the honest ones' decisions again.
func TestEarlyDeadlineForgetsNothing(t *testing.T) {
	w := newWorld(t, 2)
	r := w.request()
	w.decide(w.decision(r, func(d *pb.Decision) { d.Deadline = timestamppb.New(w.now.Add(time.Second)) }), w.e3)
	honest := w.decision(r)
	w.decide(honest, w.e1, w.e2)
	w.pulse()
	if ruling := w.claim(r, w.x1); !ruling.Valid() {
		t.Fatal(ruling.Void)
	}
	w.now = w.now.Add(time.Second)
	w.book.Expire(w.now)
	w.decide(honest, w.e1, w.e2)
	w.pulse()
	if ruling := w.claim(r, w.x2); ruling.Void != second {
		t.Errorf("the second claim: %v, want %v", ruling.Void, second)
	}
	w.book.Expire(r.intent.GetDeadline().AsTime())
	if w.book.Claimed(r.digest) {
		t.Error("kept beyond its deadline")
	}
}
