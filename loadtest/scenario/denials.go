package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func denials() Scenario {
	return Scenario{
		Name: "denials", Summary: "Nine of ten requests are denied, for every reason that an honest agent can give: what is permitted goes on.",
		Params: with(func(*engine.Params) {}),
		play: func(ctx context.Context, w *engine.World) (engine.Played, error) {
			var permittedAsks atomic.Uint64
			load := w.Params.Load("denials")
			load.Asks = mostlyDenied(w.Params, &permittedAsks)
			phase, err := w.Drive(ctx, load, nil)
			if err != nil {
				return engine.Played{}, err
			}
			return played(denied(phase, permittedAsks.Load()), phase), nil
		},
	}
}

// mostlyDenied asks for what policy permits once in ten times, and counts that.
func mostlyDenied(p engine.Params, permitted *atomic.Uint64) engine.Asks {
	uniform := p.Uniform()
	return func(random *rand.Rand) engine.Ask {
		ask := uniform(random)
		switch random.IntN(10) {
		case 0:
			permitted.Add(1)
		case 1, 2, 3:
			ask.Resource = "closed/" + ask.Resource // no policy permits it
		case 4, 5:
			ask.Tool = engine.ClosedTool // one that no policy speaks of
		case 6, 7:
			ask.Tool = "no-such-tool"
		default:
			ask.Arguments = json.RawMessage(`{"text":7}`) // not of the declared type
		}
		return ask
	}
}

// denied is what must hold of a load of which so many were permitted: a denial is a verdict, not silence.
func denied(p result.Phase, permitted uint64) []result.Check {
	executed, refused := count(p, engine.Executed)+count(p, abandoned), count(p, engine.Denied)
	return []result.Check{
		{
			What:  "what policy permits is executed, or abandoned where its start would have been too late",
			Found: fmt.Sprintf("%d of %d", executed, permitted), Holds: executed == permitted,
		},
		{
			What:  "everything else is denied",
			Found: fmt.Sprintf("%d of %d", refused, p.Sent-permitted), Holds: refused == p.Sent-permitted && refused > 0,
		},
	}
}
