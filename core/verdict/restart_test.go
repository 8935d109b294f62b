package verdict_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// recorded is a decision as it stands on the ledger.
type recorded struct {
	data   []byte
	memory time.Duration // W of the release at the intent's position
}

func (r recorded) decision(tb rapid.TB) *pb.Decision {
	d := new(pb.Decision)
	if err := schemas.Decode(r.data, schemas.MaxItem, d); err != nil {
		tb.Fatal(err)
	}
	return d
}

// TestRestart is S5 for restarts: an enforcer that starts anywhere and applies
// only the decisions recorded within the last W has the state of one that never
// stopped, and decides alike, byte for byte, from then on.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStory(t)
		var past []recorded
		started := []*verdict.State{s.state} // the first never stopped
		for range rapid.IntRange(10, 50).Draw(t, "length") {
			s.wait()
			s.governed()
			in := s.stand(s.next())
			data := decideAlike(t, s.world, started, in)
			if data != nil {
				past = append(past, recorded{data, s.rules.Release.Bounds.Memory})
				for _, state := range started {
					state.Apply(past[len(past)-1].decision(t), s.rules.Release.Bounds.Memory)
				}
			}
			if rapid.IntRange(0, 7).Draw(t, "restart") == 0 {
				started = append(started, restart(t, past, s.now))
			}
			want := s.state.Digest()
			if want != s.state.Recount() {
				t.Fatalf("at %d the running digest is not that of the state's entries", s.seq)
			}
			for i, state := range started {
				state.Expire(s.now.UnixNano())
				if i > 0 && state.Digest() != want {
					t.Fatalf("at %d the state of restart %d differs from the one that never stopped", s.seq, i)
				}
			}
		}
	})
}

// decideAlike lets every state decide and returns the bytes that all agree on;
// nil for a re-send.
func decideAlike(t *rapid.T, w *world, states []*verdict.State, in verdict.Intent) []byte {
	var want []byte
	for i, state := range states {
		var got []byte
		if d := state.Decide(w.fold, w.rules, in); d != nil {
			checkDecision(t, d)
			got, _ = verdict.Encode(d)
		}
		if i == 0 {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("at %d restart %d decides otherwise:\n%x\n%x", w.seq, i, got, want)
		}
	}
	return want
}

func restart(t *rapid.T, past []recorded, now time.Time) *verdict.State {
	state := verdict.NewState()
	for _, r := range past {
		if d := r.decision(t); d.GetLogTime().AsTime().After(now.Add(-longest)) {
			state.Apply(d, r.memory)
		}
	}
	state.Expire(now.UnixNano())
	return state
}

// TestShrunkMemory is the case that TestRestart once found: a release with a
// shorter W came between two intents of a session. The one that started late
// knew only the second move, the other waited for the first.
func TestShrunkMemory(t *testing.T) {
	at := func(d *pb.Decision, t time.Duration, sequence uint64) *pb.Decision {
		d.LogTime, d.SessionSequence = timestamppb.New(trusttest.Start.Add(t)), sequence
		return d
	}
	move := func() *pb.Decision { return &pb.Decision{Agent: "a", Session: "s", IntentDigest: make([]byte, 32)} }
	long, late := verdict.NewState(), verdict.NewState()
	long.Apply(at(move(), 0, 1), 100*time.Second)
	for _, s := range []*verdict.State{long, late} {
		s.Apply(at(move(), 10*time.Second, 2), 100*time.Second)
		s.Apply(at(move(), 20*time.Second, 3), 5*time.Second)
	}
	empty := verdict.NewState().Digest()
	for _, step := range []struct {
		at   time.Duration
		held bool
	}{{105 * time.Second, true}, {110*time.Second - 1, true}, {110 * time.Second, false}} {
		for _, s := range []*verdict.State{long, late} {
			s.Expire(trusttest.Start.Add(step.at).UnixNano())
			if held := s.Digest() != empty; held != step.held {
				t.Errorf("after %v the session is held: %v, want %v", step.at, held, step.held)
			}
		}
		if long.Digest() != late.Digest() {
			t.Errorf("the states differ after %v", step.at)
		}
	}
}

// TestTwoEnforcers is S5 for replays: whoever folds the same messages decides
// the same bytes, whatever the order in which its maps happen to be.
func TestTwoEnforcers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStory(t)
		for range rapid.IntRange(1, 8).Draw(t, "length") {
			s.wait()
			s.governed()
			first := s.next()
			items := [][]byte{first.item}
			for range rapid.IntRange(0, 2).Draw(t, "more") {
				if it := s.next(); it.by.ID == first.by.ID {
					items = append(items, it.item)
				}
			}
			s.propose(first.by, items...)
		}
		one, two := replay(t, s.zone.Ledger, s.stored), replay(t, s.zone.Ledger, s.stored)
		if !bytes.Equal(one, two) {
			t.Fatal("two replays of one ledger differ")
		}
		if state := s.state.Digest(); !bytes.HasSuffix(one, state[:]) {
			t.Fatal("a replay ends in another state than the first run")
		}
	})
}

// replay is every decision on a stored ledger and the state at its end.
func replay(t *rapid.T, pinned trust.Digest, stored []ledger.Raw) []byte {
	keys := ledger.NewKeys()
	parser, fold, state := ledger.Parser{Zone: trusttest.ZoneName, Keys: keys}, ledger.NewFold(pinned, keys), verdict.NewState()
	var all []byte
	for _, raw := range stored {
		rec, err := fold.Step(parser.Parse(raw))
		if err != nil {
			t.Fatal(err)
		}
		if rec.Kind != schemas.KindIntent {
			continue
		}
		rules := verdict.Compile(fold.Governance().Release())
		for i := range rec.Items {
			d := state.Decide(fold, rules, intentOf(rec, i))
			if d == nil {
				continue
			}
			state.Apply(d, rules.Release.Bounds.Memory)
			all = append(all, encode(t, d)...)
		}
	}
	digest := state.Digest()
	return append(all, digest[:]...)
}
