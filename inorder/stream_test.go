package inorder_test

import (
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/inorder"
)

var errSource = errors.New("source")

// numbered gives 0 to n-1 and then fails, if it shall; given counts what it gave.
func numbered(n int, fails bool, given *atomic.Int64) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			given.Add(1)
			if !yield(i, nil) {
				return
			}
		}
		if fails {
			yield(0, errSource)
		}
	}
}

func TestStream(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(rt, "items")
		stopAt := rapid.IntRange(-1, 250).Draw(rt, "stop at")
		fails := rapid.Bool().Draw(rt, "source fails")
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 20), n, n).Draw(rt, "sizes")
		ahead := inorder.Ahead{Items: rapid.IntRange(1, 20).Draw(rt, "ahead"), Bytes: rapid.Int64Range(1, 50).Draw(rt, "bytes")}
		var g gauge
		var given atomic.Int64
		next := 0
		err := inorder.Stream(numbered(n, fails, &given), func(i int) int64 { return sizes[i] }, ahead, func(i int) int {
			g.enter()
			defer g.leave()
			return i * 3
		}, func(v int) error {
			if v != next*3 {
				rt.Fatalf("step %d got value %d", next, v)
			}
			// Between the source and the end of this step: ahead.Items, and one that waits for room.
			if held := given.Load() - int64(next); held > int64(ahead.Items)+1 {
				rt.Fatalf("%d items are held, %d are allowed", held, ahead.Items)
			}
			if next++; next-1 == stopAt {
				return errStop
			}
			return nil
		})
		if g.running.Load() != 0 {
			rt.Fatal("prepare still runs after the return")
		}
		switch stopped := stopAt >= 0 && stopAt < n; {
		case stopped && (!errors.Is(err, errStop) || next != stopAt+1):
			rt.Fatalf("stopped after %d steps with %v, want %d", next, err, stopAt+1)
		case !stopped && (next != n || errors.Is(err, errSource) != fails || err != nil && !fails):
			rt.Fatalf("%d of %d steps, error %v", next, n, err)
		}
	})
}

// TestStreamHoldsNoMoreThanItsBytes lets step look at what the source gave.
func TestStreamHoldsNoMoreThanItsBytes(t *testing.T) {
	const size, bytes, n = 10, 35, 100
	var given atomic.Int64
	steps, most := int64(0), int64(0)
	err := inorder.Stream(numbered(n, false, &given), func(int) int64 { return size }, inorder.Ahead{Items: n, Bytes: bytes},
		func(i int) int { return i },
		func(int) error {
			most = max(most, given.Load()-steps)
			steps++
			return nil
		})
	if err != nil || steps != n || most > bytes/size+1 {
		t.Errorf("%d steps, at most %d items held; error %v", steps, most, err)
	}
}

// TestStreamLetsALargeItemThrough: a bound that one item exceeds must not end in
// waiting for ever.
func TestStreamLetsALargeItemThrough(t *testing.T) {
	var given atomic.Int64
	steps := 0
	err := inorder.Stream(numbered(3, false, &given), func(int) int64 { return 1000 }, inorder.Ahead{Items: 3, Bytes: 1},
		func(i int) int { return i }, func(int) error { steps++; return nil })
	if err != nil || steps != 3 {
		t.Errorf("%d steps, error %v", steps, err)
	}
}

func TestStreamRefusesNoRoom(t *testing.T) {
	for _, ahead := range []inorder.Ahead{{}, {Items: 1}, {Bytes: 1}, {Items: -1, Bytes: 1}} {
		var given atomic.Int64
		err := inorder.Stream(numbered(1, false, &given), func(int) int64 { return 0 }, ahead, func(i int) int { return i }, func(int) error { return nil })
		if err == nil || given.Load() != 0 {
			t.Errorf("%+v: error %v, %d items were taken", ahead, err, given.Load())
		}
	}
}
