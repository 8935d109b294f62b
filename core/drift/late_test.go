package drift_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// missed are heartbeats of a participant that wait in a connection that was given
// up, while its next one is heard.
func (w *world) missed(name string, n int) []*pb.Heartbeat {
	w.tb.Helper()
	held := make([]*pb.Heartbeat, n)
	for i := range held {
		held[i] = w.beatOf(name)
	}
	w.pass(1, nil)
	return held
}

func TestLateHeartbeat(t *testing.T) {
	regress := []string{"trip heartbeat.regress x1"}
	runNear(t, []near{
		{"one", nil, func(w *world) { w.hear("x1", w.missed("x1", 1)[0]) }, nil},
		{"long after", nil, func(w *world) {
			held := w.missed("x1", 1)
			w.pass(100, nil)
			w.hear("x1", held[0])
		}, nil},
		{"of two connections, by turns", nil, func(w *world) {
			a, b := w.missed("x1", 3), w.missed("x1", 3)
			for i := range a {
				w.hear("x1", b[i])
				w.hear("x1", a[i])
			}
			w.pass(1, nil)
		}, nil},
		{"of the process before a restart", nil, func(w *world) {
			held := w.missed("x1", 4)
			for _, b := range held {
				w.lives["x1"]++
				w.pass(1, nil)
				w.hear("x1", b)
			}
		}, nil},
		{"twice", nil, func(w *world) {
			held := w.missed("x1", 1)
			w.hear("x1", held[0])
			w.hear("x1", held[0])
		}, regress},
		{"it was heard in time", nil, func(w *world) {
			b := w.beatOf("x1")
			w.hear("x1", b)
			w.pass(3, nil)
			w.hear("x1", b)
		}, regress},
		{"its clock went on", nil, func(w *world) {
			b := w.missed("x1", 1)[0]
			b.Clock = timestamppb.New(w.now)
			w.hear("x1", b)
		}, regress},
		{"its clock is older than what was heard before it", nil, func(w *world) {
			b := w.missed("x1", 1)[0]
			b.Clock = timestamppb.New(w.now.Add(-time.Hour))
			w.hear("x1", b)
		}, regress},
		{"a copy of the process, set back with its clock, beats on", nil, func(w *world) {
			copied := w.beatOf("x1")
			w.hear("x1", copied)
			w.pass(3, nil)
			for range 2 {
				copied.Counter++
				copied.Clock = timestamppb.New(copied.GetClock().AsTime().Add(interval / 2))
				w.hear("x1", copied)
			}
		}, regress},
		{"the clock goes back and the counter on, within the bound", nil, func(w *world) {
			w.pass(5, changed("x1", func(b *pb.Heartbeat) { b.Clock = timestamppb.New(w.now.Add(-time.Second)) }))
		}, nil},
		{"the clock goes back and the counter on, beyond the bound", nil, func(w *world) {
			w.pass(2, changed("x1", func(b *pb.Heartbeat) { b.Clock = timestamppb.New(w.now.Add(-time.Minute)) }))
		}, []string{"trip clock.skew x1"}},
		{"the process is set back, with a right clock", nil, func(w *world) {
			w.pass(5, nil)
			w.counters["x11"] = 2
			w.pass(1, nil)
		}, regress},
		{"nobody lives by copies", nil, func(w *world) {
			b := w.beatOf("e1")
			w.hear("e1", b)
			for range 9 {
				w.pass(1, nil, "e1")
				w.hear("e1", b)
			}
		}, []string{"trip heartbeat.missing e1", "trip heartbeat.regress e1"}},
		{"nobody lives by late ones", nil, func(w *world) {
			for _, b := range w.missed("e1", 9) {
				w.hear("e1", b)
				w.pass(1, nil, "e1")
			}
		}, []string{"trip heartbeat.missing e1"}},
		{"nothing in it is judged", nil, func(w *world) {
			for _, b := range w.missed("e1", 9) {
				b.Release, b.Epoch, b.Position, b.Divergences, b.Head.Digest, b.BuildDigest = nil, 0, 0, 7, other[:], other[:]
				w.pass(1, nil)
				w.hear("e1", b)
			}
		}, nil},
		{"nor is what it says that others should know", nil, func(w *world) {
			b := w.missed("r1", 1)[0]
			b.Findings = []*pb.Finding{{Rule: "checkpoint.fork", Level: pb.Level_LEVEL_TRIP, Subject: "tree", Detail: "another root", Since: timestamppb.New(w.now)}}
			w.hear("r1", b)
		}, nil},
	})
}

// TestLateHeartbeatOfItsOwn: a sentinel that hears of itself only what is late is
// deaf as one that hears nothing.
func TestLateHeartbeatOfItsOwn(t *testing.T) {
	w := started(t, provoked{})
	held := w.missed("s1", 20)
	for _, b := range held {
		w.pass(1, nil, "s1")
		w.hear("s1", b)
	}
	if got := w.watch.Waiting(w.fold, w.now); got != "waiting for its own heartbeat" {
		t.Errorf("waiting: %q", got)
	}
	w.wantFound()
}

// TestLateHeartbeatsInAnyOrder: whatever order heartbeats come in, none regresses;
// each of them does so when it comes again.
func TestLateHeartbeatsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.pass(1, nil)
		n := rapid.IntRange(1, 24).Draw(t, "heartbeats")
		sent := make([]*pb.Heartbeat, n)
		for i := range sent {
			w.now = w.now.Add(time.Millisecond)
			sent[i] = w.beatOf("x1")
		}
		order := rapid.Permutation(sent).Draw(t, "order")
		for _, b := range order {
			w.hear("x1", proto.CloneOf(b))
		}
		w.wantFound()
		w.hear("x1", rapid.SampledFrom(order).Draw(t, "again"))
		if got := w.found(); !slices.Equal(got, []string{"trip heartbeat.regress x1"}) {
			t.Errorf("heard again: %q", got)
		}
	})
}
