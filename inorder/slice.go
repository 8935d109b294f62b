package inorder

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Slice runs prepare on every item and step on every result, with the item's
// index, in order and in the caller's goroutine. One item is prepared inline;
// several are prepared by as many goroutines as there are processors, ahead of
// step. It returns step's first error, when no prepare is running any more.
func Slice[T, U any](items []T, prepare func(T) U, step func(int, U) error) error {
	workers := min(runtime.GOMAXPROCS(0), len(items))
	if workers <= 1 {
		for i, item := range items {
			if err := step(i, prepare(item)); err != nil {
				return err
			}
		}
		return nil
	}
	slots := make([]slot[T, U], len(items))
	for i := range slots {
		slots[i] = slot[T, U]{item: items[i], ready: make(chan struct{})}
	}
	var taken atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for i := taken.Add(1) - 1; i < int64(len(slots)); i = taken.Add(1) - 1 {
				slots[i].prepare(prepare)
			}
		})
	}
	defer done.Wait()
	for i := range slots {
		if err := step(i, slots[i].wait()); err != nil {
			taken.Store(int64(len(slots))) // the rest is not needed
			return err
		}
	}
	return nil
}

// slot holds one item and what prepare made of it; value may be read when ready
// is closed.
type slot[T, U any] struct {
	item  T
	size  int64 // of Stream
	value U
	ready chan struct{}
}

func (s *slot[T, U]) prepare(prepare func(T) U) {
	s.value = prepare(s.item)
	close(s.ready)
}

func (s *slot[T, U]) wait() U {
	<-s.ready
	return s.value
}
