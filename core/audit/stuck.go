package audit

import (
	"maps"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
)

// stuck judges the claims that have no outcome at the end. Time in which nobody
// wrote anything does not count: after the whole zone was down, its executors
// need theirs to say what became of their claims. Governors who resumed knowing
// of one change nothing: what became of its intent is still not told.
func (j *Judge) stuck(f *ledger.Fold) {
	limit := patience(f.Governance().Release())
	open := slices.SortedFunc(maps.Keys(j.claims), ledger.Position.Compare)
	for _, p := range open {
		c := j.claims[p]
		if late := f.LogTime().Sub(c.due) - (j.sleep.total - c.slept); late > limit {
			j.find(at(f, RuleStuck, p, c.executor.String(), "claim %s has no outcome %v after its action had to end", p, late.Round(time.Millisecond)))
		}
	}
}

// patience is how long after its action had to end an outcome may be missing: by
// the release in force, which may be nil, or by the table of drift rules.
func patience(release *governance.Release) time.Duration {
	limit := time.Duration(0)
	if rule, known := schemas.DriftRuleNamed(schemas.DriftClaimStuck); known {
		limit = rule.Threshold
	}
	if release == nil {
		return limit
	}
	for _, d := range release.Proto.GetDrift() {
		if d.GetRule() == schemas.DriftClaimStuck && d.GetThreshold() != nil {
			limit = d.GetThreshold().AsDuration()
		}
	}
	return limit
}
