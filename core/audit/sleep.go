package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
)

// sleep adds up the log time in which nothing was written, no pulse even: the
// whole zone was down.
type sleep struct {
	newest time.Time // log time of the record before
	total  time.Duration
}

func (s *sleep) pass(f *ledger.Fold) {
	gap := f.LogTime().Sub(s.newest)
	if release := f.Governance().Release(); release != nil && !s.newest.IsZero() && gap > release.Bounds.PulseLimit {
		s.total += gap - release.Bounds.PulseLimit
	}
	s.newest = f.LogTime()
}
