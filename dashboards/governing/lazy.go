package governing

import (
	"context"
	"sync"
	"time"
)

const (
	openWithin = 30 * time.Second // for the ledger's newest part to be read
	idleAfter  = time.Minute      // nobody wants it any more: it is closed
)

// lazy opens something when somebody first wants it, for all who do, and closes it
// when nobody has wanted it for a while. Safe for concurrent use.
type lazy[T any] struct {
	open  func(ctx context.Context) (T, error)
	close func(T)
	ended func(T) bool // it has ended by itself: another is opened

	opening chan struct{} // capacity 1: held by whoever opens

	mu     sync.Mutex
	held   *T
	users  int
	idle   *time.Timer
	closed bool
}

func newLazy[T any](open func(context.Context) (T, error), end func(T), ended func(T) bool) *lazy[T] {
	return &lazy[T]{open: open, close: end, ended: ended, opening: make(chan struct{}, 1)}
}

// use returns it, open, until done is called. What is used is not closed for being
// idle; it may still end by itself.
func (l *lazy[T]) use(ctx context.Context) (value T, done func(), err error) {
	select {
	case l.opening <- struct{}{}:
	case <-ctx.Done():
		return value, nil, ctx.Err()
	}
	defer func() { <-l.opening }()
	if held, ok := l.take(); ok {
		return held, l.done, nil
	}
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	if value, err = l.open(ctx); err != nil {
		return value, nil, err
	}
	return value, l.done, l.keep(value)
}

func (l *lazy[T]) take() (held T, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil && l.ended(*l.held) {
		l.drop()
	}
	if l.held == nil {
		return held, false
	}
	l.users++
	return *l.held, true
}

func (l *lazy[T]) keep(value T) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.close(value)
		return errEnds
	}
	l.held = &value
	l.users++
	return nil
}

func (l *lazy[T]) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users > 0 {
		return
	}
	if l.idle == nil {
		l.idle = time.AfterFunc(idleAfter, l.rest)
		return
	}
	l.idle.Reset(idleAfter)
}

// rest closes what nobody uses.
func (l *lazy[T]) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == 0 {
		l.drop()
	}
}

// drop is called with mu held.
func (l *lazy[T]) drop() {
	if l.held != nil {
		l.close(*l.held)
		l.held = nil
	}
}

// end closes it for good.
func (l *lazy[T]) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.drop()
}
