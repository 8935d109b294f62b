package inorder

import (
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// Ahead bounds what Stream holds: items that the source gave and step has not
// taken yet. Both must be positive. One item that is larger than Bytes is let
// through alone.
type Ahead struct {
	Items int
	Bytes int64 // as the function size counts
}

// Stream is Slice for a source of any length. The source runs in a goroutine of
// its own, at most ahead items and bytes before step; it must not be used
// elsewhere until Stream returns. Stream returns step's first error, or the
// source's first after step has taken every item before it, when neither the
// source nor a prepare is running any more: a source that waits for input ends
// when its input does.
func Stream[T, U any](source iter.Seq2[T, error], size func(T) int64, ahead Ahead, prepare func(T) U, step func(U) error) error {
	if ahead.Items < 1 || ahead.Bytes < 1 {
		return fmt.Errorf("inorder: %d items and %d bytes ahead; allow at least one of each", ahead.Items, ahead.Bytes)
	}
	p := &pipe[T, U]{
		room: newRoom(ahead),
		// No send on either ever waits: a slot that is in one has its place in room.
		order: make(chan *slot[T, U], ahead.Items),
		work:  make(chan *slot[T, U], ahead.Items),
	}
	var done sync.WaitGroup
	done.Go(func() { p.read(source, size) })
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for s := range p.work {
				if !p.room.isClosed() {
					s.prepare(prepare)
				}
			}
		})
	}
	err := p.take(step)
	p.room.close()
	done.Wait()
	if err == nil {
		err = p.err
	}
	return err
}

type pipe[T, U any] struct {
	room  *room
	order chan *slot[T, U] // for step
	work  chan *slot[T, U] // for prepare
	err   error            // the source's; written before order is closed
}

// read moves items from the source into the pipe while there is room.
func (p *pipe[T, U]) read(source iter.Seq2[T, error], size func(T) int64) {
	defer close(p.order)
	defer close(p.work)
	for item, err := range source {
		if err != nil {
			p.err = err
			return
		}
		s := &slot[T, U]{item: item, size: size(item), ready: make(chan struct{})}
		if !p.room.enter(s.size) {
			return
		}
		p.order <- s
		p.work <- s
	}
}

func (p *pipe[T, U]) take(step func(U) error) error {
	for s := range p.order {
		if err := step(s.wait()); err != nil {
			return err
		}
		p.room.leave(s.size)
	}
	return nil
}

// room counts what is between the source and the end of step.
type room struct {
	ahead Ahead

	mu     sync.Mutex
	change sync.Cond
	items  int
	bytes  int64
	closed bool
}

func newRoom(ahead Ahead) *room {
	r := &room{ahead: ahead}
	r.change.L = &r.mu
	return r
}

// enter waits for room; it is false when nothing is taken any more.
func (r *room) enter(size int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closed && r.items > 0 && (r.items >= r.ahead.Items || r.bytes+size > r.ahead.Bytes) {
		r.change.Wait()
	}
	r.items, r.bytes = r.items+1, r.bytes+size
	return !r.closed
}

func (r *room) leave(size int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items, r.bytes = r.items-1, r.bytes-size
	if r.items <= r.ahead.Items/2 && r.bytes <= r.ahead.Bytes/2 { // not for each item: the source may fetch many in a row
		r.change.Signal()
	}
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.change.Broadcast()
}

func (r *room) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
