package verdict_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestDeniedIntentAdvancesSession(t *testing.T) {
	w := newWorld(t)
	wantReasons(t, w.ask(w.alice, deadline(w.now)), deadlinePassed)
	wantReasons(t, w.ask(w.alice))
	if d := w.ask(w.alice, func(in *pb.Intent) { in.Action = "fly" }); d.GetSessionSequence() != 3 {
		t.Errorf("a denied third intent moved the session to %d", d.GetSessionSequence())
	}
	wantReasons(t, w.ask(w.alice))
}

// TestGapMovesOn: after a gap or a fork the session stands at the intent that
// made it, so that its agent can go on.
func TestGapMovesOn(t *testing.T) {
	w := newWorld(t)
	w.ask(w.alice)
	head := w.digests["alice#main"]
	wantReasons(t, w.ask(w.alice, func(in *pb.Intent) { in.Sequence, in.Previous = 5, head[:] }), sessionGap)
	wantReasons(t, w.ask(w.alice))
	wantReasons(t, w.ask(w.alice, func(in *pb.Intent) { in.Previous = make([]byte, 32) }), sessionFork)
	wantReasons(t, w.ask(w.alice))
}

func TestEquivocationMovesNothing(t *testing.T) {
	w := newWorld(t)
	w.ask(w.alice)
	good := w.digests["alice#main"]
	w.ask(w.alice)
	newest := w.digests["alice#main"]
	for sequence, previous := range map[uint64][]byte{1: nil, 2: good[:]} {
		d := w.ask(w.alice, func(in *pb.Intent) { in.Sequence, in.Previous = sequence, previous })
		wantReasons(t, d, sessionEquivocation)
		if d.GetSessionSequence() != 0 {
			t.Errorf("the session moved to %d", d.GetSessionSequence())
		}
	}
	wantReasons(t, w.ask(w.alice, func(in *pb.Intent) { in.Sequence, in.Previous = 3, newest[:] }))
}

// TestForgeryMovesNothing: neither the forger's session nor his victim's.
func TestForgeryMovesNothing(t *testing.T) {
	w := newWorld(t)
	forge := func(in *pb.Intent) { in.Agent = w.bob.SPIFFE() }
	d := w.propose(w.alice, encode(t, w.intent(w.alice, forge)))[0]
	wantReasons(t, d, intentForged)
	if d.GetAgent() != w.alice.SPIFFE() || d.GetSession() != "" || d.GetSessionSequence() != 0 {
		t.Errorf("decided as %q, session %q to %d", d.GetAgent(), d.GetSession(), d.GetSessionSequence())
	}
	wantReasons(t, w.ask(w.alice))
	wantReasons(t, w.ask(w.bob))
}

func TestStrangersGetNoSession(t *testing.T) {
	w := newWorld(t, bounds(func(b *pb.Bounds) { b.MaxSessions = 1 }))
	for i := range 3 {
		d := w.ask(w.carol, session(fmt.Sprint(i)))
		wantReasons(t, d, agentUnknown, toolForbidden)
		if d.GetSessionSequence() != 0 {
			t.Errorf("a stranger's session moved to %d", d.GetSessionSequence())
		}
	}
}

// TestSessionLimit counts open sessions, of this agent only, until they end.
func TestSessionLimit(t *testing.T) {
	w := newWorld(t, bounds(func(b *pb.Bounds) { b.MaxSessions = 2 }))
	wantReasons(t, w.ask(w.alice, session("one")))
	w.now = w.now.Add(time.Minute)
	wantReasons(t, w.ask(w.alice, session("two")))
	d := w.ask(w.alice, session("three"))
	wantReasons(t, d, sessionLimit)
	if d.GetSession() != "three" || d.GetSessionSequence() != 0 {
		t.Errorf("session %q moved to %d", d.GetSession(), d.GetSessionSequence())
	}
	wantReasons(t, w.ask(w.bob, session("three")))
	wantReasons(t, w.ask(w.alice, session("two")))
	w.now = trusttest.Start.Add(time.Hour - 1) // session one ends an hour after its newest intent
	wantReasons(t, w.ask(w.alice, session("four")), sessionLimit)
	w.now = w.now.Add(1)
	wantReasons(t, w.ask(w.alice, session("five")))
}

// TestSessionEnds: W after its newest intent a session is as if it had never
// been, no sooner.
func TestSessionEnds(t *testing.T) {
	for _, test := range []struct {
		after time.Duration
		want  []pb.Reason
	}{{time.Hour - 1, nil}, {time.Hour, []pb.Reason{sessionGap, sessionFork}}} {
		w := newWorld(t)
		w.ask(w.alice)
		w.now = w.now.Add(test.after)
		wantReasons(t, w.ask(w.alice), test.want...)
		wantReasons(t, w.ask(w.alice)) // either way its agent can go on
	}
}

// TestResend: the same bytes get no second decision and change nothing, in the
// same list or later, whatever the first verdict, until their deadline.
func TestResend(t *testing.T) {
	for name, mutate := range map[string]func(*pb.Intent){
		"allowed": func(*pb.Intent) {},
		"denied":  func(in *pb.Intent) { in.Action = "fly" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			item := encode(t, w.intent(w.alice, mutate))
			if all := w.propose(w.alice, item, item); all[0] == nil || all[1] != nil {
				t.Fatalf("decisions on an intent and its copy: %v", all)
			}
			before := w.state.Digest()
			w.now = w.now.Add(10*time.Second - 1)
			if all := w.propose(w.alice, item); all[0] != nil || w.state.Digest() != before {
				t.Errorf("a re-send before the deadline: %v", all[0])
			}
			if !w.state.Seen(trust.DigestOf(item)) {
				t.Error("not seen before its deadline")
			}
			w.now = w.now.Add(1)
			d := w.propose(w.alice, item)[0]
			if d.GetVerdict() != pb.Verdict_VERDICT_DENY_UNSPECIFIED || d.GetReasons()[len(d.GetReasons())-1] != deadlinePassed {
				t.Errorf("a re-send at the deadline: %v", d)
			}
		})
	}
}

// TestResendOfFarDeadline: a deadline beyond everything is not taken for a past
// one, and is remembered for W.
func TestResendOfFarDeadline(t *testing.T) {
	w := newWorld(t)
	item := encode(t, w.intent(w.alice, deadline(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))))
	wantReasons(t, w.propose(w.alice, item)[0], deadlineFar)
	w.now = w.now.Add(time.Hour - 1)
	if d := w.propose(w.alice, item)[0]; d != nil {
		t.Errorf("decided again within W: %v", d)
	}
	w.now = w.now.Add(1)
	wantReasons(t, w.propose(w.alice, item)[0], deadlineFar)
}

// TestLongAgoIsNotFar: a deadline before the range of nanoseconds does not wrap
// round to one that is still to come.
func TestLongAgoIsNotFar(t *testing.T) {
	w := newWorld(t)
	for year := 1; year < 1970; year += 31 {
		item := encode(t, w.intent(w.alice, session("past"), deadline(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))))
		if d := w.propose(w.alice, item)[0]; d.GetVerdict() != pb.Verdict_VERDICT_DENY_UNSPECIFIED {
			t.Fatalf("year %d: %v", year, d)
		}
		if w.state.Seen(trust.DigestOf(item)) {
			t.Fatalf("a deadline in the year %d is remembered as one to come", year)
		}
	}
}

// TestDeadlineEdges: the deadline must be after log time and at most
// max_deadline after it.
func TestDeadlineEdges(t *testing.T) {
	for _, test := range []struct {
		left time.Duration
		want []pb.Reason
	}{
		{-1, []pb.Reason{deadlinePassed}},
		{0, []pb.Reason{deadlinePassed}},
		{1, nil},
		{time.Minute, nil},
		{time.Minute + 1, []pb.Reason{deadlineFar}},
	} {
		w := newWorld(t)
		wantReasons(t, w.ask(w.alice, deadline(w.now.Add(test.left))), test.want...)
	}
}

// TestRevokedStaysOut: what a revoked agent says is decided and denied, and W
// later nothing of it is left.
func TestRevokedStaysOut(t *testing.T) {
	w := newWorld(t, bounds(func(b *pb.Bounds) { b.Memory = durationpb.New(2 * time.Minute) }))
	empty := w.state.Digest()
	w.govern(trusttest.RevokeKey(w.alice.Key.ID()))
	wantReasons(t, w.ask(w.alice), agentRevoked)
	w.state.Expire(w.now.Add(2 * time.Minute).UnixNano())
	if w.state.Digest() != empty {
		t.Error("the state remembers beyond W")
	}
}
