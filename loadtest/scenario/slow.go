package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func slow() Scenario {
	return Scenario{
		Name: "slow", Summary: "More actions than the executor can do at a time: what would start too late does not start.",
		Params: with(func(p *engine.Params) {
			p.Cost.Sleep, p.Rate, p.Timeout = time.Second, 500, 3*time.Second
		}),
		play: func(ctx context.Context, w *engine.World) (engine.Played, error) {
			phase, err := one(ctx, w, nil)
			if err != nil {
				return engine.Played{}, err
			}
			return played(punctual(phase, w), phase), nil
		},
	}
}

// clockSlack is what the clock of the generator and the moment at which an intent gets its deadline may be apart.
const clockSlack = time.Second

// punctual is what must hold where deadlines pass: an action is done in time, or ends with its deadline, or never starts.
func punctual(p result.Phase, w *engine.World) []result.Check {
	bound := stage(p, "sent").Max + w.Params.Timeout + w.StartBound() + clockSlack
	started := stage(p, "started")
	done := count(p, engine.Executed)
	return []result.Check{
		allOf("an action is executed, interrupted at its deadline, abandoned, or expires", p, engine.Executed, "interrupted", abandoned, engine.Unanswered),
		{What: "the executor does what it can", Found: fmt.Sprintf("%d executed", done), Holds: done > 0},
		{
			What:  "nothing starts later than its deadline and the start bound",
			Found: fmt.Sprintf("the last of %d starts came %v after it was asked for", started.Samples, started.Max.Round(time.Millisecond)),
			Holds: started.Max <= bound,
		},
	}
}
