package telemetry

// Family is one metric by its name, with all its series.
type Family struct {
	Name   string
	Type   string // of the exposition format: counter, gauge or histogram
	Labels []string
	Help   string // one line
}

// The families that are read when they are asked for, of what parts say of themselves.
const (
	Armed          = "portcullis_armed"
	Halted         = "portcullis_halted"
	Epoch          = "portcullis_epoch"
	Position       = "portcullis_position"
	LedgerPosition = "portcullis_ledger_position"
	Lag            = "portcullis_lag_records"
	Noise          = "portcullis_noise_total"
	Divergences    = "portcullis_divergences_total"
	Claims         = "portcullis_claims_total"
	Abandoned      = "portcullis_abandoned_total"
	Running        = "portcullis_running"
	Pulses         = "portcullis_pulses_total"
	Trips          = "portcullis_trips_total"
	Findings       = "portcullis_drift_findings"
	TreeSize       = "portcullis_tree_size"
	Checkpoints    = "portcullis_checkpoints_total"
	Cosignatures   = "portcullis_cosignatures"
)

// The families that are counted as things happen.
const (
	decisions      = "portcullis_decisions_total"
	denials        = "portcullis_denials_total"
	decisionTime   = "portcullis_decision_seconds"
	outcomes       = "portcullis_outcomes_total"
	failures       = "portcullis_failures_total"
	voidClaims     = "portcullis_void_claims_total"
	stageTime      = "portcullis_stage_seconds"
	heartbeatAge   = "portcullis_heartbeat_age_seconds"
	exportFailures = "portcullis_trace_export_failures_total"
	cosigned       = "portcullis_witness_answers_total"
)

const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

var part = []string{"role", "name"}

// families is every metric there is, in the order of the page.
var families = []Family{
	{Armed, gauge, part, "1 if the part says that it could act, 0 if it says why not; /readyz looks closer."},
	{Halted, gauge, []string{"name"}, "1 while everything is halted or tripped, as the executor has folded it; halts of less are not told."},
	{Epoch, gauge, part, "Governance epoch that the part has folded."},
	{Position, gauge, part, "Ledger position that the part has folded."},
	{LedgerPosition, gauge, nil, "Position of the ledger's newest record, as the broker says; absent while it does not answer."},
	{Lag, gauge, part, "Records between what the part has folded and the ledger's newest; absent while the broker does not answer."},
	{Noise, counter, part, "Messages on the ledger that are no records, seen since the part started."},

	{decisions, counter, []string{"name", "verdict"}, "Decisions that an enforcer derived, recorded by it or not."},
	{denials, counter, []string{"name", "reason"}, "Reasons of decisions that deny; a decision may have several."},
	{decisionTime, histogram, []string{"name"}, "From when the broker stored an intent until its decision was derived; two clocks."},
	{Divergences, counter, []string{"name"}, "Recorded decisions that differ from the enforcer's own. Alert on any."},

	{Claims, counter, []string{"name"}, "Claims that an executor made since it started."},
	{voidClaims, counter, []string{"name", "reason"}, "Claims of an executor's own that were void when it read them back."},
	{Abandoned, counter, []string{"name"}, "Valid claims on which an executor did not act."},
	{Running, gauge, []string{"name"}, "Actions under way."},
	{outcomes, counter, []string{"name", "tool", "status"}, "Outcomes that an executor reported."},
	{failures, counter, []string{"name", "reason"}, "Outcomes other than executed, by their reason."},

	{stageTime, histogram, []string{"role", "name", "stage"}, "How long the stages of an intent took; see the page's list of stages."},

	{Pulses, counter, []string{"name"}, "Pulses of a sentinel that the ledger acknowledged."},
	{Trips, counter, []string{"name"}, "Trips of a sentinel that the ledger acknowledged."},
	{Findings, gauge, []string{"name", "rule", "level"}, "What drifts now, by rule; 0 where nothing does."},
	{heartbeatAge, gauge, []string{"name", "role", "participant"}, "Since the sentinel heard a participant last."},

	{TreeSize, gauge, []string{"name"}, "Leaves of the newest checkpoint of a recorder."},
	{Checkpoints, counter, []string{"name"}, "Checkpoints that a recorder signed since it started."},
	{Cosignatures, gauge, []string{"name"}, "Witnesses that cosigned the recorder's newest checkpoint."},
	{cosigned, counter, []string{"status"}, "Answers of a witness, by HTTP status; 200 cosigned."},

	{exportFailures, counter, nil, "Batches of spans that could not be exported, or errors on the way; nothing else depends on them."},
}

// Families is every metric there is, in the order of the page.
func Families() []Family { return families }

// Stage is a part of an intent's way that is timed.
type Stage string

// The stages, in the order of the way. Each begins where it says and needs one clock
// only, except for StageRead.
const (
	StageRead    Stage = "read"    // enforcer: stored by the broker → folded here; two clocks
	StageDecide  Stage = "decide"  // enforcer: folded → decisions on its record derived
	StageRecord  Stage = "record"  // enforcer: derived → acknowledged by the ledger
	StageClaim   Stage = "claim"   // executor: claim made → read back, valid
	StageStart   Stage = "start"   // executor: claim made → handler called
	StageRun     Stage = "run"     // executor: handler called → returned
	StageOutcome Stage = "outcome" // executor: handler returned → outcome acknowledged
)

var (
	enforcerStages = []Stage{StageRead, StageDecide, StageRecord}
	executorStages = []Stage{StageClaim, StageStart, StageRun, StageOutcome}
)

// bounds are the upper bounds of every histogram's buckets, in seconds: a part on its
// own decides in some ten microseconds, and no intent waits longer than its deadline.
var bounds = []float64{
	0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
}
