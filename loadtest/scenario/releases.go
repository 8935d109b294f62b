package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

func releases() Scenario {
	return Scenario{
		Name: "release", Summary: "A new release every second: what was allowed under the old one and is claimed behind the new one is void.",
		Params: with(func(p *engine.Params) { p.Timeout = 2 * time.Second }),
		play:   playReleases,
	}
}

const releaseEvery = time.Second

func playReleases(ctx context.Context, w *engine.World) (engine.Played, error) {
	published := 0
	phase, err := one(ctx, w, func(during context.Context) error {
		for every := min(releaseEvery, w.Params.Duration/4); sleep(during, every); {
			if err := w.Release(ctx, fmt.Sprintf("Change %d of a load test.", published+1)); err != nil {
				return err
			}
			published++
		}
		return nil
	})
	if err != nil {
		return engine.Played{}, err
	}
	p := played([]result.Check{
		allOf("an action is executed, abandoned, or expires because its claim was void", phase, engine.Executed, abandoned, engine.Unanswered),
		{What: "the zone works through the changes", Found: fmt.Sprintf("%d executed", count(phase, engine.Executed)), Holds: count(phase, engine.Executed) > 0},
	}, phase)
	p.Judge = func(_ *result.Result, report *audit.Report) []result.Check {
		return []result.Check{govern(report, "release", published+1), stale(phase, report)} // the first one founded the zone
	}
	return p, nil
}

// stale tells how many claims came behind the release that they rest on, and demands that an agent whose action was not
// answered has a void claim, or none, for it.
func stale(p result.Phase, report *audit.Report) result.Check {
	lost := report.Final[audit.StateVoid] + report.Final[audit.StateExpired]
	return result.Check{
		What:  "what was not answered had no valid claim",
		Found: fmt.Sprintf("%d claims void for a stale epoch; %d unanswered, %d void or expired", report.Void["claim.stale_epoch"], count(p, engine.Unanswered), lost),
		Holds: count(p, engine.Unanswered) <= lost,
	}
}
