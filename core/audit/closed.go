package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
)

// closings finds the times in which nothing at all could start: PROTOCOL section
// 8, step 3, for whoever asks and whatever for.
type closings struct {
	begun bool
	open  bool
	all   []Closed
}

// maxClosed bounds the times that are told.
const maxClosed = 10_000

// pass closes what fell shut between two records: a pulse grew old, or the
// release expired. The pulse is the newest before this record.
func (c *closings) pass(f *ledger.Fold, pulse ledger.Pulse) {
	release := f.Governance().Release()
	if !c.open || release == nil {
		return
	}
	stale := pulse.Time.Add(release.Bounds.PulseLimit)
	expired := release.Proto.GetExpires().AsTime()
	switch now := f.LogTime(); {
	case !expired.After(now) && expired.Before(stale):
		c.shut(expired, "release expired")
	case !stale.After(now):
		c.shut(stale, "no pulse")
	}
}

// step looks at the state behind a record.
func (c *closings) step(f *ledger.Fold) {
	why := closed(f)
	if !c.begun {
		c.begun, c.open = true, true
	}
	switch {
	case c.open && why != "":
		c.shut(f.LogTime(), why)
	case !c.open && why == "":
		c.open = true
		if n := len(c.all); n > 0 && c.all[n-1].Until.IsZero() {
			c.all[n-1].Until = f.LogTime().UTC()
		}
	}
}

func (c *closings) shut(from time.Time, why string) {
	c.open = false
	if len(c.all) < maxClosed {
		c.all = append(c.all, Closed{From: from.UTC(), Why: why})
	}
}

// closed says why nothing could start now; "" if something could.
func closed(f *ledger.Fold) string {
	gov := f.Governance()
	_, halted := gov.Halted(governance.Target{Zone: gov.Zone()})
	switch {
	case gov.Release() == nil:
		return "no release"
	case gov.Sealed():
		return "sealed"
	case !gov.Release().ValidAt(f.LogTime()):
		return "release expired"
	case halted:
		return "halted"
	case !permit.Fresh(f):
		return "no pulse"
	default:
		return ""
	}
}
