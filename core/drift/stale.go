package drift

import (
	"fmt"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// stale judges release.stale in log time: the release expires within the
// threshold (warns), or has expired (trips).
func stale(_ *Watch, m moment) []symptom {
	expires := m.release.Proto.GetExpires().AsTime()
	left := expires.Sub(m.logTime)
	if left > m.set.threshold {
		return nil
	}
	since := expires.Add(-m.set.threshold)
	if from := m.release.Proto.GetNotBefore().AsTime(); since.Before(from) {
		since = from // a release that holds for less than the window
	}
	s := symptom{
		level: pb.Level_LEVEL_WARN, subject: fmt.Sprintf("release %d", m.release.Proto.GetVersion()), since: since,
		detail: fmt.Sprintf("it expires at %s; publish the next one", expires.Format(time.RFC3339)),
	}
	if left <= 0 {
		s.level, s.since = pb.Level_LEVEL_TRIP, expires
		s.detail = fmt.Sprintf("it expired at %s; publish the next one, then resume", expires.Format(time.RFC3339))
	}
	return []symptom{s}
}
