package projection

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/history"
)

// Standing is what governance allowed at a position, by the governance that was folded
// there (zone.GovernanceAt). What pulses said is not in it: they are no governance, and
// whether one was fresh at a position is for history.Standing to tell.
func (v *View) Standing(gov *governance.State, at uint64) history.Standing {
	logTime, _ := v.LogTimeAt(at)
	s := v.GovernanceStanding(gov, at, logTime)
	slices.Sort(s.Revoked)
	return s
}
