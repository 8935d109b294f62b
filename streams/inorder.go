package streams

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// inOrder runs prepare on every record and step on every result, in order and
// in this goroutine. One record is prepared inline; several are prepared by as
// many goroutines as there are processors, ahead of step. It returns step's
// first error, when no prepare is running any more.
func inOrder[T any](records []Raw, prepare func(Raw) T, step func(int, T) error) error {
	workers := min(runtime.GOMAXPROCS(0), len(records))
	if workers <= 1 {
		for i, r := range records {
			if err := step(i, prepare(r)); err != nil {
				return err
			}
		}
		return nil
	}
	slots := make([]slot[T], len(records))
	for i := range slots {
		slots[i].ready = make(chan struct{})
	}
	var taken atomic.Int64
	var done sync.WaitGroup
	for range workers {
		done.Go(func() {
			for i := taken.Add(1) - 1; i < int64(len(records)); i = taken.Add(1) - 1 {
				slots[i].value = prepare(records[i])
				close(slots[i].ready)
			}
		})
	}
	defer done.Wait()
	for i := range slots {
		<-slots[i].ready
		if err := step(i, slots[i].value); err != nil {
			taken.Store(int64(len(records))) // the rest is not needed
			return err
		}
	}
	return nil
}

// slot holds one prepared record; value may be read when ready is closed.
type slot[T any] struct {
	value T
	ready chan struct{}
}
