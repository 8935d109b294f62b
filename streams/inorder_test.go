package streams

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(rt, "records")
		stopAt := rapid.IntRange(-1, 250).Draw(rt, "stop at")
		records := make([]Raw, n)
		for i := range records {
			records[i].Seq = uint64(i) * 3
		}
		var running, most atomic.Int64
		next := 0
		err := inOrder(records, func(r Raw) uint64 {
			defer running.Add(-1)
			for now := running.Add(1); ; {
				if old := most.Load(); now <= old || most.CompareAndSwap(old, now) {
					return r.Seq + 1
				}
			}
		}, func(i int, v uint64) error {
			if i != next || v != uint64(i)*3+1 {
				rt.Fatalf("step %d got index %d, value %d", next, i, v)
			}
			if next++; i == stopAt {
				return errStop
			}
			return nil
		})
		if running.Load() != 0 {
			rt.Fatal("prepare still runs after the return")
		}
		if most.Load() > int64(runtime.GOMAXPROCS(0)) {
			rt.Fatalf("%d prepares at once", most.Load())
		}
		if want := stopAt >= 0 && stopAt < n; (err != nil) != want || !want && next != n || want && next != stopAt+1 {
			rt.Fatalf("%d of %d steps, error %v", next, n, err)
		}
	})
}

func TestWakerLosesNoWake(t *testing.T) {
	w := newWaker()
	defer w.stop()
	w.now() // before anybody waits
	ctx := w.context(t.Context())
	if ctx.Err() == nil {
		t.Fatal("a wake before the wait was lost")
	}
	w.seen()
	if ctx = w.context(t.Context()); ctx.Err() != nil {
		t.Fatal("one wake woke twice")
	}
	w.now() // between the wait's end and the next one
	if ctx = w.context(t.Context()); ctx.Err() == nil {
		t.Fatal("a wake between two waits was lost")
	}
	w.seen()
	parent, cancel := context.WithCancel(t.Context())
	ctx = w.context(parent)
	cancel()
	<-ctx.Done()
	w.seen()
	w.later(time.Millisecond)
	<-w.context(t.Context()).Done() // idle
}

func TestStatesAreToldOnce(t *testing.T) {
	var told []State
	s := newStateTeller(func(s State) { told = append(told, s) })
	for _, now := range []State{Disconnected, Disconnected, CatchingUp, Live, Live, Disconnected} {
		s.tell(now)
	}
	want := []State{Disconnected, CatchingUp, Live, Disconnected}
	if len(told) != len(want) {
		t.Fatalf("told %v, want %v", told, want)
	}
	for i := range want {
		if told[i] != want[i] {
			t.Fatalf("told %v, want %v", told, want)
		}
	}
	s.tellIf(Live, func() bool { return false })
	if len(told) != len(want) {
		t.Fatalf("told %v though it was over", told)
	}
	newStateTeller(nil).tell(Live) // nobody listens
}
