package drift

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// rule judges what a Watch knows. Conditions have a judge of their own; for
// events, judging is telling those that are not settled.
type rule struct {
	name  string
	judge func(*Watch, moment) []symptom
}

// rules has one row for each row of schemas.DriftRules, in its order.
var rules = []rule{
	{schemas.DriftHeartbeatMissing, missing},
	{schemas.DriftHeartbeatClone, events(schemas.DriftHeartbeatClone)},
	{schemas.DriftHeartbeatRegress, events(schemas.DriftHeartbeatRegress)},
	{schemas.DriftReleaseMismatch, otherRelease},
	{schemas.DriftGovernanceMismatch, otherHead},
	{schemas.DriftStateMismatch, events(schemas.DriftStateMismatch)},
	{schemas.DriftDecisionDivergence, events(schemas.DriftDecisionDivergence)},
	{schemas.DriftBuildUnattested, unattested},
	{schemas.DriftClockSkew, skewed},
	{schemas.DriftLagExceeded, lagging},
	{schemas.DriftCheckpointFork, reported(schemas.DriftCheckpointFork, pb.Role_ROLE_RECORDER)},
	{schemas.DriftOutcomeRogue, events(schemas.DriftOutcomeRogue)},
	{schemas.DriftClaimStuck, stuck},
	{schemas.DriftReplayMismatch, replaying},
	{schemas.DriftReleaseStale, stale},
	{schemas.DriftToolDefinition, events(schemas.DriftToolDefinition)},
}

// moment is when, and by which release, a rule is judged.
type moment struct {
	gov     *governance.State
	release *governance.Release
	set     setting
	logTime time.Time
	deaf    bool // heartbeats tell nothing now
}

// setting is one rule as a release sets it.
type setting struct {
	intervals uint32
	threshold time.Duration
	warnOnly  bool
	scope     pb.DriftScope
	off       bool // a rule that sentinels judge themselves only when it is listed, and is not
}

// settingsOf completes a release's drift rules with the table's defaults.
func settingsOf(r *governance.Release) map[string]setting {
	all := make(map[string]setting, len(rules))
	for _, info := range schemas.DriftRules() {
		s := setting{intervals: info.Intervals, threshold: info.Threshold, warnOnly: info.WarnOnly, off: info.Optional}
		if info.Unit == schemas.DriftDuration && s.threshold == 0 {
			s.threshold = r.Bounds.MaxClockSkew
		}
		all[info.Name] = s
	}
	for _, d := range r.Proto.GetDrift() {
		s := all[d.GetRule()]
		s.off, s.warnOnly, s.scope = false, s.warnOnly || d.GetWarnOnly(), d.GetScope()
		if d.GetIntervals() > 0 {
			s.intervals = d.GetIntervals()
		}
		if d.GetThreshold() != nil {
			s.threshold = d.GetThreshold().AsDuration()
		}
		all[d.GetRule()] = s
	}
	return all
}

// Replays reports whether a release asks sentinels to derive every verdict
// again (replay.mismatch). A nil release asks nothing.
func Replays(r *governance.Release) bool {
	return r != nil && !settingsOf(r)[schemas.DriftReplayMismatch].off
}
