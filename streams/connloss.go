package streams

import (
	"log/slog"
	"sync"
	"time"
)

// lossLog tells of a lost connection once it has stayed lost for a moment. A server
// that reads new rights (nats-server 2.15) now and then drops clients whose rights did
// not change, and takes them back at once: nobody needs a warning of that. The zero
// value but for its first two fields is ready.
type lossLog struct {
	log         *slog.Logger
	participant string

	mu      sync.Mutex
	pending *time.Timer // guarded by mu; nil: no loss is untold
	refusal error       // guarded by mu; what the broker said of the key since it was connected last
}

// settleFor is how long a connection must be lost before that is told.
const settleFor = refusedFor

// refused notes that the broker does not know the key now.
func (l *lossLog) refused(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusal = err
	l.log.Info("the broker refuses the key; it may be reading new rights", "participant", l.participant, "err", err)
}

// lost notes that the connection is gone.
func (l *lossLog) lost(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log.Info("connection gone", "participant", l.participant, "err", err)
	if l.pending == nil {
		l.pending = time.AfterFunc(settleFor, func() { l.tell(err) })
	}
}

func (l *lossLog) tell(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return // it came back meanwhile
	}
	l.pending = nil
	if l.refusal != nil {
		err = l.refusal
	}
	l.log.Warn("connection lost", "participant", l.participant, "err", err)
}

// settled notes that the connection stands, or is closed by its owner.
func (l *lossLog) settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusal = nil
	if l.pending != nil {
		l.pending.Stop()
		l.pending = nil
	}
}
