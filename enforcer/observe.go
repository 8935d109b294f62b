package enforcer

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// observe tells those who watch what was derived from a record. What was decided
// long ago, and is only read again to catch up, is no news.
func (l *loop) observe(ev feed.Event[ahead], all []verdict.Derived, began time.Time) {
	if !l.status.CaughtUp {
		return
	}
	cfg, now := l.e.cfg, time.Now()
	cfg.Meter.Folded(ev.Time, began, now.Sub(began))
	for _, d := range all {
		cfg.Meter.Decided(d.Decision, now.Sub(ev.Time))
		cfg.Tracer.Decided(cfg.ID, intentOf(ev, d), d.Decision, began, now)
	}
}

// intentOf is the intent that a decision is on; nil if another record holds it, or
// it cannot be read.
func intentOf(ev feed.Event[ahead], d verdict.Derived) *pb.Intent {
	at := d.Round.Intent
	if at.Seq != ev.Seq || int(at.Index) >= len(ev.Ahead.contents) {
		return nil
	}
	return ev.Ahead.contents[at.Index].Intent
}
