package inorder_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/inorder"
)

var errStop = errors.New("stop")

// gauge counts what runs at once.
type gauge struct{ running, most atomic.Int64 }

func (g *gauge) enter() {
	for now := g.running.Add(1); ; {
		if old := g.most.Load(); now <= old || g.most.CompareAndSwap(old, now) {
			return
		}
	}
}

func (g *gauge) leave() { g.running.Add(-1) }

func TestSlice(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 200).Draw(rt, "items")
		stopAt := rapid.IntRange(-1, 250).Draw(rt, "stop at")
		items := make([]int, n)
		for i := range items {
			items[i] = i * 3
		}
		var g gauge
		next := 0
		err := inorder.Slice(items, func(v int) int {
			g.enter()
			defer g.leave()
			return v + 1
		}, func(i, v int) error {
			if i != next || v != i*3+1 {
				rt.Fatalf("step %d got index %d, value %d", next, i, v)
			}
			if next++; i == stopAt {
				return errStop
			}
			return nil
		})
		if g.running.Load() != 0 {
			rt.Fatal("prepare still runs after the return")
		}
		if g.most.Load() > int64(runtime.GOMAXPROCS(0)) {
			rt.Fatalf("%d prepares at once", g.most.Load())
		}
		if want := stopAt >= 0 && stopAt < n; errors.Is(err, errStop) != want || !want && next != n || want && next != stopAt+1 {
			rt.Fatalf("%d of %d steps, error %v", next, n, err)
		}
	})
}
