package streams

import (
	"context"
	"testing"
	"time"
)

// TestInOrder: what inorder promises, of records.
func TestInOrder(t *testing.T) {
	records := make([]Raw, 50)
	for i := range records {
		records[i].Seq = uint64(i) * 3
	}
	next := 0
	err := inOrder(records, func(r Raw) uint64 { return r.Seq + 1 }, func(i int, v uint64) error {
		if i != next || v != uint64(i)*3+1 {
			t.Fatalf("step %d got index %d, value %d", next, i, v)
		}
		if next++; next == 40 {
			return errStop
		}
		return nil
	})
	if wantErr(t, err, errStop); next != 40 {
		t.Errorf("%d steps", next)
	}
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
