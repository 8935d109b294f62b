package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func ramp() Scenario {
	return Scenario{
		Name: "ramp", Summary: "Rates from low to more than the zone can do: where its latency begins to bend.",
		Params: with(func(p *engine.Params) { p.Rate, p.Duration = 250, 4*time.Second }),
		play:   playRamp,
	}
}

// A ramp begins with the parameters' rate, which must be far from saturation. Each step lasts the parameters' duration.
const (
	rampFactor  = 1.5
	rampSteps   = 16
	rampLatency = 10.0 // times the p99 of the first step: beyond it the knee is behind
	rampKept    = 0.98 // of the offered rate: below it the knee is behind
	rampEnough  = 0.8  // of the offered rate: below it nothing is learnt by going on
)

func playRamp(ctx context.Context, w *engine.World) (engine.Played, error) {
	var played engine.Played
	rate := w.Params.Rate
	if rate <= 0 {
		return played, errors.New("loadtest: a ramp begins with a low rate; give one with --rate")
	}
	for range rampSteps {
		load := w.Params.Load(fmt.Sprintf("%.0f/s", rate))
		load.Steps[0].Rate = rate
		phase, err := w.Drive(ctx, load, nil)
		if err != nil {
			return played, err
		}
		played.Phases = append(played.Phases, phase)
		if phase.Achieved < rampEnough*phase.Offered {
			break
		}
		rate *= rampFactor
	}
	played.Checks = append(played.Checks, allOf("what policy permits is executed, abandoned where its start would have been too late, or expires",
		sum(played.Phases), engine.Executed, abandoned, engine.Unanswered), bends(played.Phases))
	return played, nil
}

// sum is what became of the actions of all phases.
func sum(phases []result.Phase) (all result.Phase) {
	for _, p := range phases {
		all.Sent += p.Sent
		all.Outcomes = append(all.Outcomes, p.Outcomes...)
	}
	return all
}

// knee is the last of the first steps all of which keep up: their p99 is within a factor of the first one's, and what
// was offered is achieved. It is -1 if not even the first achieves what it is offered.
func knee(steps []result.Phase) int {
	last := -1
	for i, p := range steps {
		if p.Achieved < rampKept*p.Offered || float64(answered(p).P99) > rampLatency*float64(answered(steps[0]).P99) {
			break
		}
		last = i
	}
	return last
}

// bends says where the knee is. A ramp that was never saturated has found none.
func bends(steps []result.Phase) result.Check {
	i := knee(steps)
	c := result.Check{What: "the ramp goes beyond the knee", Holds: i < len(steps)-1}
	switch {
	case i < 0:
		c.Found = "saturated from the first step on; begin lower with --rate; " + told(steps[0])
	case c.Holds:
		c.Found = fmt.Sprintf("the knee is at %s; behind it, %s", told(steps[i]), told(steps[i+1]))
	default:
		c.Found = "no step was saturated; begin higher with --rate; " + told(steps[i])
	}
	return c
}

func told(p result.Phase) string {
	return fmt.Sprintf("%.0f/s: p99 %v, %.0f/s achieved", p.Offered, answered(p).P99.Round(10*time.Microsecond), p.Achieved)
}

// answered is the stage that ends with an agent's answer.
func answered(p result.Phase) result.Stage { return stage(p, "answered") }

func stage(p result.Phase, name string) result.Stage {
	for _, s := range p.Stages {
		if s.Name == name {
			return s
		}
	}
	return result.Stage{}
}
