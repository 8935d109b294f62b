package drift

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// clock is how far a participant's clock is from the broker's.
type clock struct {
	level  pb.Level
	skew   time.Duration // broker minus participant
	beyond time.Time     // the broker's time of the first heartbeat in a row beyond the bound
	since  time.Time     // by the sentinel's clock
}

// note takes a heartbeat that states its clock and was stored at a time. It may
// have been on its way for long, so one alone is no proof, nor are two that were
// stored in one burst after a stall.
func (c *clock) note(release *governance.Release, bound time.Duration, stated, stored, received time.Time) {
	before := c.level
	c.skew = stored.Sub(stated)
	switch {
	case c.skew.Abs() <= bound/2:
		c.level, c.beyond = pb.Level_LEVEL_UNSPECIFIED, time.Time{}
	case c.skew.Abs() <= bound:
		c.level, c.beyond = pb.Level_LEVEL_WARN, time.Time{}
	case c.beyond.IsZero():
		c.level, c.beyond = pb.Level_LEVEL_WARN, stored
	case stored.Sub(c.beyond) >= release.Bounds.HeartbeatInterval/2:
		c.level = pb.Level_LEVEL_TRIP
	}
	if before == pb.Level_LEVEL_UNSPECIFIED {
		c.since = received
	}
}

// skewed judges clock.skew.
func skewed(w *Watch, m moment) []symptom {
	var all []symptom
	for _, one := range w.heardNow(m) {
		if c := one.clock; c.level != pb.Level_LEVEL_UNSPECIFIED {
			all = append(all, symptom{
				level: c.level, subject: one.id.String(), about: about{participant: one.id}, since: c.since,
				detail: fmt.Sprintf("its clock and the broker's differ by %v, the bound is %v", c.skew.Abs().Round(time.Millisecond), m.set.threshold),
			})
		}
	}
	return all
}
