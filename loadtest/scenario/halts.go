package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func halts() Scenario {
	return Scenario{
		Name: "halt", Summary: "Halts of everything, again and again: how long after each something still starts.",
		Params: with(func(p *engine.Params) {
			p.Rate, p.Duration, p.Timeout, p.Cost.Sleep = 500, 20*time.Second, 2*time.Second, 10*time.Millisecond
		}),
		play: playHalts,
	}
}

// pauseBetween is how long the zone works between two halts.
const pauseBetween = 200 * time.Millisecond

// stop is one halt: from its acknowledgement until somebody began to lift it.
type stop struct{ acked, lifted time.Time }

func playHalts(ctx context.Context, w *engine.World) (engine.Played, error) {
	w.KeepStarts()
	var stops []stop
	phase, err := one(ctx, w, func(during context.Context) (err error) {
		stops, err = haltAgain(ctx, during, w)
		return err
	})
	if err != nil {
		return engine.Played{}, err
	}
	after := sinceStops(stops, w.Starts())
	// What ends an action stays last.
	phase.Stages = slices.Insert(phase.Stages, len(phase.Stages)-1, engine.Distribution("halt to last start", after))
	p := played(halted(phase, stops, after, w.StartBound()), phase)
	p.Judge = func(_ *result.Result, report *audit.Report) []result.Check {
		return []result.Check{govern(report, "halt", len(stops))}
	}
	return p, nil
}

// haltAgain halts and resumes until the load is over. A halt that was begun is lifted.
func haltAgain(ctx, during context.Context, w *engine.World) (stops []stop, err error) {
	for sleep(during, pauseBetween) {
		halt, err := w.Halt(ctx)
		if err != nil {
			return stops, err
		}
		sleep(ctx, 3*w.StartBound()/2)
		lifted := time.Now()
		if err := w.Resume(ctx, halt.ID); err != nil {
			return stops, err
		}
		stops = append(stops, stop{halt.Acked, lifted})
	}
	return stops, nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sinceStops is how long after each acknowledgement the last action started before the halt was lifted; 0 if none did.
func sinceStops(stops []stop, starts []time.Time) []time.Duration {
	after := make([]time.Duration, len(stops))
	for i, s := range stops {
		for _, at := range starts {
			if at.After(s.acked) && at.Before(s.lifted) {
				after[i] = max(after[i], at.Sub(s.acked))
			}
		}
	}
	return after
}

func halted(p result.Phase, stops []stop, after []time.Duration, bound time.Duration) []result.Check {
	var latest time.Duration
	none := 0
	for _, d := range after {
		latest = max(latest, d)
		if d == 0 {
			none++
		}
	}
	return []result.Check{
		{
			What:  fmt.Sprintf("nothing starts later than the start bound of %v after a halt is acknowledged", bound),
			Found: fmt.Sprintf("the last start came %v after; after %d of %d halts nothing started at all", latest.Round(time.Microsecond), none, len(stops)),
			Holds: latest < bound && len(stops) > 0,
		},
		allOf("an action is executed, interrupted, abandoned, denied, or expires", p, engine.Executed, "interrupted", abandoned, engine.Denied, engine.Unanswered),
		{What: "between halts the zone works", Found: fmt.Sprintf("%d executed", count(p, engine.Executed)), Holds: count(p, engine.Executed) > 0},
	}
}

// govern demands that governance records of a kind took effect.
func govern(report *audit.Report, kind string, want int) result.Check {
	n := 0
	for _, g := range report.Governance {
		if g.Kind == kind {
			n++
		}
	}
	return result.Check{What: "every " + kind + " took effect", Found: fmt.Sprintf("%d of %d", n, want), Holds: n == want}
}
