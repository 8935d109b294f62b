package governance

import (
	"errors"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// checkDrift refuses drift rules that no sentinel could apply as they are meant:
// a misspelt rule would otherwise silently not run.
func (r *Release) checkDrift() (errs []error) {
	seen := make(map[string]bool, len(r.Proto.GetDrift()))
	for _, d := range r.Proto.GetDrift() {
		if seen[d.GetRule()] {
			errs = append(errs, fmt.Errorf("drift rule %s stands twice", d.GetRule()))
		}
		seen[d.GetRule()] = true
		if err := checkDriftRule(d); err != nil {
			errs = append(errs, fmt.Errorf("drift rule %s: %w", d.GetRule(), err))
		}
	}
	return errs
}

// Bounds of DriftRule.intervals.
const (
	minIntervals = 3
	maxIntervals = 10_000
)

func checkDriftRule(d *pb.DriftRule) error {
	info, known := schemas.DriftRuleNamed(d.GetRule())
	switch {
	case !known:
		return errors.New("there is no such rule; the rules are listed in docs/drift.md")
	case d.GetIntervals() != 0 && info.Unit != schemas.DriftIntervals:
		return errors.New("it does not count intervals")
	case d.GetIntervals() != 0 && (d.GetIntervals() < minIntervals || d.GetIntervals() > maxIntervals):
		return fmt.Errorf("intervals is %d; it must be %d to %d: a sentinel that misses its own heartbeats for half as long judges nobody", d.GetIntervals(), minIntervals, maxIntervals)
	case d.GetThreshold() != nil && info.Unit != schemas.DriftDuration:
		return errors.New("it has no duration as its threshold")
	case d.GetThreshold() != nil && (!d.GetThreshold().IsValid() || d.GetThreshold().AsDuration() <= 0):
		return errors.New("its threshold must be positive")
	}
	switch scope := d.GetScope(); scope {
	case pb.DriftScope_DRIFT_SCOPE_GLOBAL_UNSPECIFIED, pb.DriftScope_DRIFT_SCOPE_ZONE:
		return nil
	case pb.DriftScope_DRIFT_SCOPE_TOOL, pb.DriftScope_DRIFT_SCOPE_AGENT:
		if slices.Contains(info.Scopes, scope) {
			return nil
		}
	}
	return errors.New("it cannot be narrowed to this scope")
}
