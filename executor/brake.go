package executor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Brake is a kill switch that works without the ledger: a file on this host, say.
// Engaged says why it is on, "" if it is off; it is asked before claims and
// starts, at most once in a millisecond, and it must say that it is on whenever
// it cannot tell.
type Brake interface{ Engaged() (why string) }

const (
	brakeEvery = 20 * time.Millisecond
	// brakeFresh is how long a look at the brake counts: a small part of the start
	// bound, and many starts of an executor under load.
	brakeFresh = time.Millisecond
)

// brakeLook is the newest look at the brake.
type brakeLook struct {
	mu  sync.Mutex
	at  time.Time // before the look
	why string
}

// ask looks again unless somebody just has.
func (l *brakeLook) ask(b Brake) string {
	if b == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.at.IsZero() || now.Sub(l.at) >= brakeFresh {
		l.at, l.why = now, b.Engaged()
	}
	return l.why
}

func (x *Executor) braked() string { return x.brake.ask(x.cfg.Brake) }

// watchBrake interrupts what runs while the brake is on, until ctx ends: at each
// look anew, for it may have been off for a moment in between.
func (l *loop) watchBrake(ctx context.Context) error {
	tick := time.NewTicker(brakeEvery)
	defer tick.Stop()
	was := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		why := l.x.braked()
		if why == "" && was == "" {
			continue
		}
		l.mu.Lock()
		if why != "" {
			for _, r := range l.running {
				r.cancel(fmt.Errorf("%w: %s", ErrHalted, why))
			}
		}
		l.report(l.status.Position)
		l.mu.Unlock()
		if why != was {
			l.x.beatNow()
		}
		was = why
	}
}
