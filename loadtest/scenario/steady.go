package scenario

import (
	"context"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// abandoned is what an action is where claim and start are more than the start bound apart: a machine that is too busy
// for the bound may abandon, and must not start late.
const abandoned = "abandoned"

func steady() Scenario {
	return Scenario{
		Name: "steady", Summary: "One rate for the whole time: what an action costs and how long each of its stages takes.",
		Params: engine.Defaults(),
		play: func(ctx context.Context, w *engine.World) (engine.Played, error) {
			phase, err := one(ctx, w, nil)
			if err != nil {
				return engine.Played{}, err
			}
			return played(permitted(phase), phase), nil
		},
	}
}

// permitted is what must hold of a load that policy permits.
func permitted(p result.Phase) []result.Check {
	return []result.Check{
		allOf("what policy permits is executed, or abandoned where its start would have been too late", p, engine.Executed, abandoned),
	}
}
