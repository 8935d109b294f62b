package executor

import (
	"context"
	"fmt"
	"time"
)

// Brake is a kill switch that works without the ledger: a file on this host, say.
// Engaged says why it is on, "" if it is off; it is asked before every claim and
// every start, so it must be quick, and it must say that it is on whenever it
// cannot tell.
type Brake interface{ Engaged() (why string) }

const brakeEvery = 20 * time.Millisecond

func (x *Executor) braked() string {
	if x.cfg.Brake == nil {
		return ""
	}
	return x.cfg.Brake.Engaged()
}

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
