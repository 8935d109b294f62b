package engine

import (
	"context"
	"time"
)

// pacer waits for moments more precisely than timers do, which may be a millisecond late on an idle machine: it sleeps
// short of the moment, and takes the rest by a better clock.
type pacer struct {
	ctx   context.Context //nolint:containedctx // lives as long as one load
	timer *time.Timer
	alarm alarm
}

const timerError = 1500 * time.Microsecond // by which a timer may be late

func newPacer(ctx context.Context) *pacer {
	p := &pacer{ctx: ctx, timer: time.NewTimer(0), alarm: newAlarm()}
	<-p.timer.C
	return p
}

func (p *pacer) close() {
	p.timer.Stop()
	p.alarm.close()
}

// until waits for a moment, not at all if it is over. It is false when the load's context has ended.
func (p *pacer) until(at time.Time) bool {
	for {
		left := time.Until(at)
		switch {
		case left <= 0:
			return p.ctx.Err() == nil
		case left > timerError:
			p.timer.Reset(left - timerError)
			select {
			case <-p.timer.C:
			case <-p.ctx.Done():
				return false
			}
		default:
			p.alarm.nap(left)
		}
	}
}
