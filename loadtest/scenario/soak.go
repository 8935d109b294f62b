package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func soak() Scenario {
	return Scenario{
		Name: "soak", Summary: "A modest load for a long time: memory stays bounded, and so does latency.",
		Params: with(func(p *engine.Params) { p.Rate, p.Duration = 500, 10*time.Minute }),
		play: func(ctx context.Context, w *engine.World) (engine.Played, error) {
			phase, err := one(ctx, w, nil)
			if err != nil {
				return engine.Played{}, err
			}
			return played(append(permitted(phase), bounded(phase)), phase), nil
		},
	}
}

const (
	settling    = 0.4      // of a soak, in which memory may grow
	growthShare = 0.25     // of the mean, by which it may grow behind that
	growthBytes = 64 << 20 // and this much, which is what the collector of memory leaves to chance
)

// bounded demands that memory does not grow for ever: behind a time for settling, the line through it rises little.
func bounded(p result.Phase) result.Check {
	points := p.Series[int(settling*float64(len(p.Series))):]
	perSecond, mean := slope(points)
	grows := perSecond * float64(len(points))
	return result.Check{
		What: "memory is bounded",
		Found: fmt.Sprintf("%.1f MiB on the average; it grew by %.1f MiB in the last %d s, along the line of best fit",
			mean/(1<<20), grows/(1<<20), len(points)),
		Holds: grows <= growthShare*mean+growthBytes,
	}
}

// slope is that of the line of best fit through memory over time, in bytes a second, and memory's mean.
func slope(points []result.Point) (perSecond, mean float64) {
	var n, x, y, xx, xy float64
	for _, p := range points {
		if p.Memory == 0 {
			continue // nobody looked in that second
		}
		m := float64(p.Memory)
		n, x, y, xx, xy = n+1, x+p.Second, y+m, xx+p.Second*p.Second, xy+p.Second*m
	}
	if n == 0 {
		return 0, 0
	}
	if spread := n*xx - x*x; spread > 0 {
		perSecond = (n*xy - x*y) / spread
	}
	return perSecond, y / n
}
