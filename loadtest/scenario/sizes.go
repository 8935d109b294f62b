package scenario

import (
	"context"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
)

// The scenarios of size run the same load on zones that hold much of one thing: compare their costs for each action with
// those of a run that has little of it.

func agents() Scenario {
	return sized("agents", "10,000 agents, each with a key, a credential on the ledger, a session and a connection of its own.",
		func(p *engine.Params) { p.Agents = 10_000 })
}

func tools() Scenario {
	return sized("tools", "1,000 tools, each with subjects of its own.", func(p *engine.Params) { p.Tools = 1000 })
}

func policies() Scenario {
	return sized("policies", "10,000 policies, of which one permits.", func(p *engine.Params) { p.Policies = 10_000 })
}

func sized(name, summary string, change func(*engine.Params)) Scenario {
	s := steady()
	s.Name, s.Summary = name, summary
	change(&s.Params)
	return s
}

func burst() Scenario {
	return Scenario{
		Name: "burst", Summary: "Every few seconds ten times the rate, for a second: what queues up is worked off, and nothing is lost.",
		Params: with(func(p *engine.Params) { p.Rate, p.Duration = 300, 12*time.Second }),
		play: func(ctx context.Context, w *engine.World) (engine.Played, error) {
			load := w.Params.Load("bursts")
			load.Steps = bursts(w.Params.Rate, w.Params.Duration)
			phase, err := w.Drive(ctx, load, nil)
			if err != nil {
				return engine.Played{}, err
			}
			return played(permitted(phase), phase), nil
		},
	}
}

const (
	burstFactor = 10
	burstEvery  = 4 // parts of equal length, one of which is a burst
	burstCount  = 3
)

// bursts are three of them, each after and before a time of calm.
func bursts(rate float64, whole time.Duration) []engine.Step {
	part := whole / (burstEvery * burstCount)
	var steps []engine.Step
	for range burstCount {
		steps = append(steps, engine.Step{Rate: rate, For: part}, engine.Step{Rate: burstFactor * rate, For: part}, engine.Step{Rate: rate, For: (burstEvery - 2) * part})
	}
	return steps
}
