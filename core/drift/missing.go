package drift

import (
	"fmt"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// missing judges heartbeat.missing: somebody was heard and is silent for longer
// than n heartbeat intervals. Silence ends where the sentinel's own newest
// heartbeat was heard: if nothing comes, it is the sentinel that is cut off. Of
// those that are not required it only warns. From half the threshold on it warns
// of anybody.
func missing(w *Watch, m moment) []symptom {
	if m.deaf {
		return nil
	}
	var all []symptom
	for _, one := range w.beaters {
		heard := w.roster[one.Identity]
		if heard == nil || one.required && !heard.fresh {
			continue // waited for, see Waiting
		}
		limit := max(silenceLimit(m.release, m.set), heard.limit) // it may not know of a shorter one yet
		silence := w.ownHeard.Sub(heard.heard)
		if silence < limit/2 {
			continue
		}
		level := pb.Level_LEVEL_WARN
		if one.required && silence > limit {
			level = pb.Level_LEVEL_TRIP
		}
		all = append(all, symptom{
			level: level, subject: one.spiffe, about: about{participant: one.Identity}, since: heard.heard,
			detail: fmt.Sprintf("silent for %v; it should beat every %v", silence.Round(time.Millisecond), m.release.Bounds.HeartbeatInterval),
		})
	}
	return all
}
