package telemetry

import (
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Enforcer counts what one enforcer decides. Safe for concurrent use; nil counts
// nothing.
type Enforcer struct {
	allowed, denied, pending *metrics.Counter
	reasons                  reasoned
	latency                  *metrics.PrometheusHistogram
	stages                   timers
}

// Enforcer is the meter of an enforcer by its name in the directory.
func (m *Meters) Enforcer(name string) *Enforcer {
	if m == nil {
		return nil
	}
	verdict := func(v string) *metrics.Counter { return m.counter(decisions, "name", name, "verdict", v) }
	return &Enforcer{
		allowed: verdict("allow"), denied: verdict("deny"), pending: verdict("pending"),
		reasons: m.reasons(denials, name, pb.Reason_REASON_PAYLOAD_MALFORMED, pb.Reason_REASON_CLAIM_UNDECIDED),
		latency: m.histogram(decisionTime, "name", name),
		stages:  m.timers("enforcer", name, enforcerStages),
	}
}

// Folded counts a record whose decisions took a while to derive: it was stored, by
// the broker's clock, and read here.
func (e *Enforcer) Folded(stored, read time.Time, took time.Duration) {
	if e == nil {
		return
	}
	e.stages.took(StageRead, read.Sub(stored))
	e.stages.took(StageDecide, took)
}

// Decided counts a decision, with the latency since its record was stored.
func (e *Enforcer) Decided(d *pb.Decision, latency time.Duration) {
	if e == nil {
		return
	}
	e.latency.Update(max(latency, 0).Seconds())
	switch {
	case d.GetVerdict() == pb.Verdict_VERDICT_ALLOW:
		e.allowed.Inc()
		return
	case schemas.Pending(d):
		e.pending.Inc()
	default:
		e.denied.Inc()
	}
	for _, r := range d.GetReasons() {
		e.reasons.count(r)
	}
}

// Recorded counts a decision that the ledger acknowledged so long after it was
// derived.
func (e *Enforcer) Recorded(took time.Duration) {
	if e != nil {
		e.stages.took(StageRecord, took)
	}
}
