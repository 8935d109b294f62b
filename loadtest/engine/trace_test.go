package engine

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

var zero = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }

// TestTracesJoinInAnyOrder: what the agent was told and what the ledger shows of one action come in an order that
// nobody can foresee; only that an intent stands before what is about it is certain.
func TestTracesJoinInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		joined, rec := newTraces(2), newRecording(zero, time.Second)
		intent := trust.DigestOf([]byte{byte(seed)})
		rec.asks(at(1))
		told := trace{load: rec, intended: at(1), sent: at(2), answered: at(70), fate: fate{name: Executed, ends: outcome, final: true}}
		ledger := []func(){
			func() { joined.seen(stored, intent, at(11), time.Time{}) },
			func() { joined.seen(decided, intent, at(21), time.Time{}) },
			func() { joined.seen(decided, intent, at(31), time.Time{}) },
			func() { joined.seen(claimed, intent, at(41), time.Time{}) },
			func() { joined.seen(outcome, intent, at(61), at(51)) },
		}
		when := random.IntN(len(ledger) + 1)
		for i, event := range ledger {
			if i == when {
				rec.tells(told)
				joined.answered(intent, told)
			}
			event()
		}
		if when == len(ledger) {
			rec.tells(told)
			joined.answered(intent, told)
		}
		if len(joined.all) != 0 {
			t.Fatalf("answered as event %d: %d traces are left", when, len(joined.all))
		}
		p := rec.phase("p", 1, 0)
		for i, want := range []int{1, 10, 30, 40, 50, 60, 69} { // sent, stored, decided by two, claimed, started, outcome, answered
			s := p.Stages[i]
			if off := s.Max - time.Duration(want)*time.Millisecond; s.Samples != 1 || off.Abs() > time.Millisecond {
				t.Fatalf("answered as event %d: %s: %d samples, %v, want %d ms", when, s.Name, s.Samples, s.Max, want)
			}
		}
		if untold, unseen := rec.open(); untold != 0 || unseen != 0 || p.Sent != 1 || p.Achieved != 1 {
			t.Fatalf("%d untold, %d unseen: %+v", untold, unseen, p)
		}
	}
}

// TestWhatIsNobodysIsNotKept: records about intents that nobody stored, or that are over, leave nothing behind.
func TestWhatIsNobodysIsNotKept(t *testing.T) {
	joined, rec := newTraces(1), newRecording(zero, time.Second)
	intent := trust.DigestOf([]byte("one"))
	joined.seen(decided, intent, at(1), time.Time{})
	joined.seen(outcome, intent, at(2), at(1))
	joined.answered(intent, trace{load: rec, fate: fate{name: Unanswered}})
	joined.seen(claimed, intent, at(3), time.Time{})
	if len(joined.all) != 0 {
		t.Errorf("%d traces are left", len(joined.all))
	}
}

func TestADenialEndsWithItsDecision(t *testing.T) {
	joined, rec := newTraces(1), newRecording(zero, time.Second)
	intent := trust.DigestOf([]byte("one"))
	joined.seen(stored, intent, at(1), time.Time{})
	joined.answered(intent, trace{load: rec, intended: zero, fate: fate{name: Denied, ends: decided, final: true}})
	if len(joined.all) != 1 {
		t.Fatal("the trace ended before its decision was seen")
	}
	joined.seen(decided, intent, at(2), time.Time{})
	if len(joined.all) != 0 || rec.phase("p", 0, 0).Stages[2].Samples != 1 {
		t.Error("the decision did not end the trace, or was not counted")
	}
}

func TestFates(t *testing.T) {
	intent := trust.DigestOf([]byte("one"))
	for name, tt := range map[string]struct {
		out    *agent.Outcome
		err    error
		want   fate
		intent trust.Digest
	}{
		"executed": {&agent.Outcome{Intent: intent}, nil, fate{Executed, outcome, true, false}, intent},
		"denied": {
			nil, &agent.Refused{Intent: intent, Reasons: []pb.Reason{pb.Reason_REASON_TOOL_UNKNOWN}},
			fate{"denied: tool.unknown", decided, true, false},
			intent,
		},
		"abandoned": {
			nil, &agent.NotExecuted{Intent: intent, Status: pb.Status_STATUS_ABANDONED, Reason: pb.Reason_REASON_START_LATE},
			fate{"abandoned: start.late", outcome, true, false},
			intent,
		},
		"stored and unanswered": {nil, &agent.Unanswered{Intent: intent, Stored: true}, fate{name: Unanswered}, intent},
		"unanswered":            {nil, &agent.Unanswered{Intent: intent}, fate{name: Unanswered, gap: true}, intent},
		"not sent":              {nil, errors.Join(agent.ErrNotSent), fate{name: NotSent, gap: true}, trust.Digest{}},
	} {
		if intent, got := fateOf(tt.out, tt.err); got != tt.want || intent != tt.intent {
			t.Errorf("%s: %+v of %s, want %+v", name, got, intent.Short(), tt.want)
		}
	}
}

// TestStragglersDoNotCount: an answer after the load's end is an answer, and no part of the achieved rate.
func TestStragglersDoNotCount(t *testing.T) {
	rec := newRecording(zero, time.Second)
	for _, ms := range []int{10, 500, 999, 1001, 4000} {
		rec.asks(at(5))
		rec.tells(trace{intended: at(5), sent: at(5), answered: at(ms), fate: fate{name: Executed, final: true}})
	}
	p := rec.phase("p", 5, 2*time.Second)
	if p.Achieved != 3 || p.Sent != 5 || p.Took != time.Second || len(p.Series) != 5 {
		t.Errorf("got %+v", p)
	}
	if first, last := p.Series[0], p.Series[4]; first.Second != 2 || first.Sent != 5 || first.Answered != 3 || last.Answered != 1 || last.P99 < 3*time.Second {
		t.Errorf("got %+v and %+v", first, last)
	}
}
