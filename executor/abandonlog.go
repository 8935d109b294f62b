package executor

import (
	"log/slog"
	"time"

	"github.com/portcullis-dev/portcullis/core/permit"
)

// abandonLog tells of abandoned actions at most once a second: under load without a
// pulse there may be thousands, each with an outcome on the ledger that says the same.
// The zero value has told of none. Guarded by the loop's mu.
type abandonLog struct {
	told   time.Time // the newest line
	untold uint64    // since then
	soFar  uint64    // in all
}

const abandonEvery = time.Second

// report tells of one, and how many went untold before it, or counts it.
func (a *abandonLog) report(log *slog.Logger, now time.Time, r permit.Ruling, why error) {
	a.soFar++
	if !a.told.IsZero() && now.Sub(a.told) < abandonEvery {
		a.untold++
		return
	}
	log.Warn("abandoned", "claim", r.Position, "intent", r.Intent.Short(), "why", why, "untold_before", a.untold, "so_far", a.soFar)
	a.told, a.untold = now, 0
}

// close tells what is still untold.
func (a *abandonLog) close(log *slog.Logger) {
	if a.untold > 0 {
		log.Warn("abandoned more", "untold_before", a.untold, "so_far", a.soFar)
	}
	a.untold = 0
}
