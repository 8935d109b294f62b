package zone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// early is a heartbeat that nobody could judge yet.
type early struct {
	raw      streams.Raw
	received time.Time
}

// maxEarly bounds the heartbeats that wait for the fold.
const maxEarly = 1024

// heard takes one heartbeat; it runs in the subscription's goroutine.
func (o *Observer) heard(raw streams.Raw) {
	o.mu.Lock()
	defer o.mu.Unlock()
	beat := early{raw, time.Now()}
	if !o.caughtUp() {
		if len(o.early) < maxEarly {
			o.early = append(o.early, beat)
		}
		return
	}
	o.judgeEarly()
	o.judge(beat)
	o.tell()
}

// caughtUp is called with mu held.
func (o *Observer) caughtUp() bool {
	select {
	case <-o.ready:
		return o.fold != nil
	default:
		return false
	}
}

func (o *Observer) judgeEarly() {
	for _, e := range o.early {
		o.judge(e)
	}
	o.early = nil
}

// judge keeps a heartbeat if it is authentic.
func (o *Observer) judge(e early) {
	beat, cred, err := o.fold.Heartbeat(e.raw.Subject, e.raw.Data)
	if err != nil {
		return // whoever wrote it, nobody is known to have beaten
	}
	if held, known := o.creds[cred.ID]; known && held.Key.ID() != cred.Key.ID() {
		_, counts := o.fold.Standing(cred)
		if _, better := o.fold.Standing(held); better && !counts {
			return // with a key that is worth nothing it must not hide one that is
		}
	}
	o.beats.Add(heartbeat.Seen{Beat: beat, From: cred.ID, Stored: e.raw.Time, Received: e.received})
	o.creds[cred.ID] = cred
	o.behind[cred.ID] = o.fold.Seq() - min(beat.GetPosition(), o.fold.Seq())
}

// Beats are the newest authentic heartbeats that were heard.
func (o *Observer) Beats() []heartbeat.Seen {
	o.mu.Lock()
	if o.caughtUp() {
		o.judgeEarly()
	}
	o.mu.Unlock()
	return o.beats.All()
}

// Heard waits until every participant that is expected to beat was heard, at
// most for the time after which one counts as silent.
func (o *Observer) Heard(ctx context.Context) error {
	if err := o.Ready(ctx); err != nil {
		return err
	}
	release := o.Release()
	if release == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Until(o.began.Add(silentAfter*release.Bounds.HeartbeatInterval+heardGrace)))
	defer cancel()
	err := o.Until(ctx, func() (bool, error) {
		var all []Participant
		beats := o.Beats()
		o.Look(func(f *ledger.Fold) { all = o.participants(f, beats) })
		return !slices.ContainsFunc(all, func(p Participant) bool { return p.Beat == nil }), nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("zone: hearing heartbeats: %w", err)
	}
	return nil
}

// heardGrace is what a heartbeat may take on its way.
const heardGrace = 100 * time.Millisecond
