package telemetry

import (
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Executor counts what one executor does. Safe for concurrent use; nil counts
// nothing.
type Executor struct {
	outcomes map[string]byStatus // by tool
	others   byStatus            // of tools that it does not serve any more
	failed   reasoned
	void     reasoned
	stages   timers
}

type byStatus map[pb.Status]*metrics.Counter

// Executor is the meter of an executor by its name in the directory, for the tools
// that it serves.
func (m *Meters) Executor(name string, tools []string) *Executor {
	if m == nil {
		return nil
	}
	x := &Executor{
		outcomes: map[string]byStatus{}, others: m.byStatus(name, "other"),
		failed: m.reasons(failures, name, pb.Reason_REASON_START_LATE, 0),
		void:   m.reasons(voidClaims, name, pb.Reason_REASON_CLAIM_UNDECIDED, pb.Reason_REASON_START_LATE),
		stages: m.timers("executor", name, executorStages),
	}
	for _, tool := range tools {
		x.outcomes[tool] = m.byStatus(name, tool)
	}
	return x
}

func (m *Meters) byStatus(name, tool string) byStatus {
	all := byStatus{}
	values := pb.Status(0).Descriptor().Values()
	for i := range values.Len() {
		if s := pb.Status(values.Get(i).Number()); s != pb.Status_STATUS_UNSPECIFIED {
			all[s] = m.counter(outcomes, "name", name, "tool", tool, "status", statusName(s))
		}
	}
	return all
}

// statusName is a status as labels and spans spell it, such as "executed".
func statusName(s pb.Status) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "STATUS_"))
}

// Took times a stage.
func (x *Executor) Took(s Stage, d time.Duration) {
	if x != nil {
		x.stages.took(s, d)
	}
}

// Void counts a claim of its own that counts for nothing.
func (x *Executor) Void(reason pb.Reason) {
	if x != nil {
		x.void.count(reason)
	}
}

// Concluded counts an outcome that it reports.
func (x *Executor) Concluded(tool string, status pb.Status, reason pb.Reason) {
	if x == nil {
		return
	}
	counters, served := x.outcomes[tool]
	if !served {
		counters = x.others
	}
	if c := counters[status]; c != nil {
		c.Inc()
	}
	if status != pb.Status_STATUS_EXECUTED {
		x.failed.count(reason)
	}
}
