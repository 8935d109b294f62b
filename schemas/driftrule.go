package schemas

import (
	"slices"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// DriftUnit says what a drift rule's threshold counts.
type DriftUnit uint8

// The units of thresholds.
const (
	DriftNone      DriftUnit = iota // no threshold: once is enough
	DriftIntervals                  // heartbeat intervals (DriftRule.intervals)
	DriftDuration                   // a duration (DriftRule.threshold)
)

// DriftInfo is one row of the table of drift rules (PROTOCOL.md section 10).
type DriftInfo struct {
	Name      string
	Unit      DriftUnit
	Intervals uint32          // threshold unless the release says otherwise
	Threshold time.Duration   // the same; 0 with DriftDuration: bounds.max_clock_skew
	Scopes    []pb.DriftScope // what a trip can be narrowed to; none: it halts everything, or the zone
	Optional  bool            // runs only when the release lists it
	Settles   bool            // a resume settles it; else it trips again as long as it holds
	WarnOnly  bool            // never trips: whoever causes it could stop others by it
	Summary   string          // one line for people
}

// The names of the drift rules.
const (
	DriftHeartbeatMissing   = "heartbeat.missing"
	DriftHeartbeatClone     = "heartbeat.clone"
	DriftHeartbeatRegress   = "heartbeat.regress"
	DriftReleaseMismatch    = "release.mismatch"
	DriftGovernanceMismatch = "governance.mismatch"
	DriftStateMismatch      = "state.mismatch"
	DriftDecisionDivergence = "decision.divergence"
	DriftBuildUnattested    = "build.unattested"
	DriftClockSkew          = "clock.skew"
	DriftLagExceeded        = "lag.exceeded"
	DriftCheckpointFork     = "checkpoint.fork"
	DriftOutcomeRogue       = "outcome.rogue"
	DriftClaimStuck         = "claim.stuck"
	DriftReplayMismatch     = "replay.mismatch"
	DriftReleaseStale       = "release.stale"
	DriftToolDefinition     = "tool.definition"
)

var (
	narrowParticipant = []pb.DriftScope{pb.DriftScope_DRIFT_SCOPE_TOOL}
	narrowRecord      = []pb.DriftScope{pb.DriftScope_DRIFT_SCOPE_TOOL, pb.DriftScope_DRIFT_SCOPE_AGENT}
)

var driftRules = []DriftInfo{
	{DriftHeartbeatMissing, DriftIntervals, 8, 0, narrowParticipant, false, false, false, "A required participant is silent."},
	{DriftHeartbeatClone, DriftNone, 0, 0, narrowParticipant, false, true, false, "Two live incarnations beat under one identity."},
	{DriftHeartbeatRegress, DriftNone, 0, 0, narrowParticipant, false, true, false, "A participant's counter, epoch or position goes back."},
	{DriftReleaseMismatch, DriftDuration, 0, 5 * time.Second, narrowParticipant, false, false, false, "A participant stays on another release."},
	{DriftGovernanceMismatch, DriftDuration, 0, 5 * time.Second, narrowParticipant, false, false, false, "A participant names another governance history."},
	{DriftStateMismatch, DriftNone, 0, 0, nil, false, true, false, "Two verdict states differ at one position."},
	{DriftDecisionDivergence, DriftNone, 0, 0, narrowRecord, false, true, false, "Two enforcers signed different decisions on one intent."},
	{DriftBuildUnattested, DriftNone, 0, 0, narrowParticipant, false, false, false, "A build or a configuration is not among the release's reference values."},
	{DriftClockSkew, DriftDuration, 0, 0, narrowParticipant, false, false, false, "A participant's clock and log time differ."},
	{DriftLagExceeded, DriftDuration, 0, 10 * time.Second, nil, false, false, false, "An enforcer's backlog is old."},
	{DriftCheckpointFork, DriftNone, 0, 0, nil, false, true, false, "Checkpoints contradict each other or go back."},
	{DriftOutcomeRogue, DriftNone, 0, 0, narrowRecord, false, true, false, "An outcome has no valid claim, or two outcomes one claim."},
	{DriftClaimStuck, DriftDuration, 0, 30 * time.Second, narrowRecord, false, true, false, "A valid claim has no outcome long after its action had to end."},
	{DriftReplayMismatch, DriftNone, 0, 0, narrowRecord, true, true, false, "A verdict derived again differs from the recorded one."},
	{DriftReleaseStale, DriftDuration, 0, 24 * time.Hour, nil, false, false, false, "The release expires soon (warns), or has expired (trips)."},
	{DriftToolDefinition, DriftNone, 0, 0, nil, false, true, true, "A tool was asked for by another definition than the release pins (warns)."},
}

// DriftRules returns the table of drift rules.
func DriftRules() []DriftInfo { return slices.Clone(driftRules) }

// DriftRuleNamed returns a row of the table of drift rules.
func DriftRuleNamed(name string) (DriftInfo, bool) {
	i := slices.IndexFunc(driftRules, func(r DriftInfo) bool { return r.Name == name })
	if i < 0 {
		return DriftInfo{}, false
	}
	return driftRules[i], true
}
