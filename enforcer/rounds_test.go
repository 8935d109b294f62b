package enforcer

import (
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// askTwo asks two people about every read.
func askTwo(r *pb.Release) {
	r.Policies = []*pb.PolicySource{{Name: "two.cedar", Text: `@id("two") @approvals("2") permit (principal, action == Action::"read", resource);`}}
}

// rounds are the verdicts on an intent by round; a round that was decided twice
// fails the test.
func (b *bench) rounds(in feedtest.Intent) map[uint32]*pb.Decision {
	b.t.Helper()
	found := map[uint32]*pb.Decision{}
	for _, raw := range b.Records(schemas.KindDecision) {
		env, err := trust.ParseEnvelope(raw.Data)
		if err != nil {
			b.t.Fatal(err)
		}
		_, items, err := trust.ParseList(env.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, item := range items {
			d := new(pb.Decision)
			if err := schemas.Decode(item, schemas.MaxItem, d); err != nil {
				b.t.Fatal(err)
			}
			if verdict.RoundOf(d).Intent != in.Position {
				continue
			}
			if found[d.GetRound()] != nil {
				b.t.Errorf("round %d of %s is decided twice", d.GetRound(), in)
			}
			found[d.GetRound()] = d
		}
	}
	return found
}

func (b *bench) round(in feedtest.Intent, number uint32) *pb.Decision {
	b.t.Helper()
	var d *pb.Decision
	b.Eventually("a decision of the round", func() bool {
		d = b.rounds(in)[number]
		return d != nil
	})
	return d
}

// TestRoundsOutliveRestarts: an approval that came while nobody decided is
// decided by the next start, one that was decided is not decided again, and the
// second start knows who has approved before the first.
func TestRoundsOutliveRestarts(t *testing.T) {
	b := &bench{feedtest.New(t, askTwo), t}
	b.Introduce("alice", "s1", "p1", "p2")
	var early, late feedtest.Intent
	b.with("e1", func(*Enforcer) {
		early, late = b.Propose("early", time.Minute), b.Propose("late", time.Minute)
		if d := b.round(early, 0); !schemas.Pending(d) {
			t.Errorf("round 0: %v", d)
		}
		b.Answer("p1", early, true)
		b.round(early, 1)
		b.round(late, 0)
	})
	away := b.Answer("p2", early, true) // nobody decides now
	b.Answer("p1", late, false)
	b.with("e1", func(*Enforcer) {
		if d := b.round(early, 2); d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || d.GetApproval().GetSequence() != away {
			t.Errorf("the second yes: %v", d)
		}
		if d := b.round(late, 1); d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
			t.Errorf("the no: %v", d)
		}
		b.Answer("p2", late, true) // says nothing any more
	})
	b.with("e1", func(e *Enforcer) { // has only what was recorded
		b.decided(b.Propose("on", time.Minute).Position)
		if e.Status().Divergences != 0 {
			t.Error("it differs from its own past")
		}
	})
	if n, m := len(b.rounds(early)), len(b.rounds(late)); n != 3 || m != 2 {
		t.Errorf("%d and %d rounds, want 3 and 2", n, m)
	}
}

// TestHeartbeatsNameTheState: whoever beats names the state at the newest pulse,
// and one that has just started names the same as one that never stopped.
func TestHeartbeatsNameTheState(t *testing.T) {
	b := &bench{feedtest.New(t, askTwo), t}
	b.Introduce("alice", "s1", "p1", "p2")
	var mu sync.Mutex
	states := map[uint64]map[string]string{} // position → participant → digest
	fold := func() func(string, []byte) {
		return func(subject string, data []byte) {
			beat, cred, err := b.Fold().Heartbeat(subject, data)
			if err != nil || beat.GetStatePosition() == 0 {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if states[beat.GetStatePosition()] == nil {
				states[beat.GetStatePosition()] = map[string]string{}
			}
			states[beat.GetStatePosition()][cred.ID.Name] = string(beat.GetStateDigest())
		}
	}()
	stop, err := b.Connect("s1").SubscribeHeartbeats(func(raw streams.Raw) { fold(raw.Subject, raw.Data) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	both := func(at uint64) bool {
		mu.Lock()
		defer mu.Unlock()
		return len(states[at]) == 2
	}
	b.with("e1", func(*Enforcer) {
		waits := b.Propose("waits", time.Minute)
		b.round(waits, 0)
		b.Answer("p1", waits, true)
		b.round(waits, 1)
		_, stop := b.start("e2")
		defer stop()
		at := b.Pulse()
		b.Eventually("both say what their state is", func() bool { return both(at) })
		mu.Lock()
		defer mu.Unlock()
		if states[at]["e1"] != states[at]["e2"] || states[at]["e1"] == "" {
			t.Errorf("the states at %d: %x", at, states[at])
		}
		empty := verdict.NewState().Digest()
		if states[at]["e1"] == string(empty[:]) {
			t.Error("the state is empty")
		}
	})
}

// TestWhatNothingCallsForIsADivergence: a decision of a round that nobody opened,
// or at a place where no intent stands, is one that this enforcer did not make,
// and a claim could rest on it.
func TestWhatNothingCallsForIsADivergence(t *testing.T) {
	for name, twist := range map[string]func(*pb.Decision){
		"round 7":       func(d *pb.Decision) { d.Round, d.Approval = 7, d.GetIntent() },
		"another index": func(d *pb.Decision) { d.Intent = &pb.Position{Sequence: d.GetIntent().GetSequence(), Index: 300} },
	} {
		b := newBench(t)
		b.Introduce("e2")
		b.with("e1", func(e *Enforcer) {
			in := b.Propose("s", time.Minute)
			b.decided(in.Position)
			b.Allow("e2", in) // the same as e1's but for its log time, hence a divergence too
			b.Eventually("the first divergence", func() bool { return e.Status().Divergences == 1 })
			b.Decide("e2", in, twist)
			b.Eventually(name+": the divergence is noticed", func() bool { return e.Status().Divergences == 2 })
		})
	}
}
