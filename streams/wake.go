package streams

import (
	"context"
	"sync"
	"time"
)

// waker interrupts a follower that waits for announcements: when it was idle
// for a while, and when the connection changed.
type waker struct {
	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; ends the wait in progress
	ctx    context.Context    // guarded by mu; the wait in progress
	timer  *time.Timer
}

func newWaker() *waker {
	w := &waker{}
	w.timer = time.AfterFunc(idleProbe, w.now)
	return w
}

// context returns what to wait with; it ends at the next wake, and stays ended
// until seen is called, so that no wake is lost.
func (w *waker) context(parent context.Context) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx == nil {
		w.ctx, w.cancel = context.WithCancel(parent)
	}
	return w.ctx
}

// seen forgets the wake that ended the wait, and starts a new idle time.
func (w *waker) seen() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx, w.cancel = nil, nil
	w.timer.Reset(idleProbe)
}

func (w *waker) now() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel == nil {
		w.ctx, w.cancel = context.WithCancel(context.Background())
	}
	w.cancel()
}

// later puts the idle wake off.
func (w *waker) later(d time.Duration) { w.timer.Reset(d) }

func (w *waker) stop() {
	w.timer.Stop()
	w.now()
}
