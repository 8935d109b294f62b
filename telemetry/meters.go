package telemetry

import (
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Meters are the counters of one process. Safe for concurrent use; nil counts
// nothing.
type Meters struct {
	set *metrics.Set

	mu        sync.Mutex
	sentinels map[string]*Sentinel // by name: what they heard outlives a restart in this process
}

// NewMeters makes counters that stand at zero.
func NewMeters() *Meters {
	return &Meters{set: metrics.NewSet(), sentinels: make(map[string]*Sentinel)}
}

func (m *Meters) counter(family string, labels ...string) *metrics.Counter {
	return m.set.GetOrCreateCounter(series(family, labels...))
}

func (m *Meters) histogram(family string, labels ...string) *metrics.PrometheusHistogram {
	return m.set.GetOrCreatePrometheusHistogramExt(series(family, labels...), bounds)
}

// timers has a histogram for each stage.
type timers map[Stage]*metrics.PrometheusHistogram

func (m *Meters) timers(role, name string, stages []Stage) timers {
	all := make(timers, len(stages))
	for _, s := range stages {
		all[s] = m.histogram(stageTime, "role", role, "name", name, "stage", string(s))
	}
	return all
}

// took counts a duration; one below zero, of two clocks, is none.
func (t timers) took(s Stage, d time.Duration) {
	if h := t[s]; h != nil {
		h.Update(max(d, 0).Seconds())
	}
}

// reasoned has a counter for each reason of a chapter of the table of reasons, and
// one for all others, so that none goes uncounted.
type reasoned struct {
	known map[pb.Reason]*metrics.Counter
	other *metrics.Counter
}

// reasons counts from the first reason of a chapter until the first of the next; 0:
// until the last.
func (m *Meters) reasons(family, name string, from, until pb.Reason) reasoned {
	r := reasoned{known: map[pb.Reason]*metrics.Counter{}, other: m.counter(family, "name", name, "reason", "other")}
	for _, reason := range schemas.Reasons() {
		if reason >= from && (until == 0 || reason < until) {
			r.known[reason] = m.counter(family, "name", name, "reason", schemas.ReasonCode(reason))
		}
	}
	return r
}

func (r reasoned) count(reason pb.Reason) {
	if c := r.known[reason]; c != nil {
		c.Inc()
		return
	}
	r.other.Inc()
}

// escape writes label values as the exposition format wants them.
var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// series is a family with labels, given as name and value in turn.
func series(family string, labels ...string) string {
	if len(labels) == 0 {
		return family
	}
	var b strings.Builder
	b.WriteString(family)
	separator := byte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		b.WriteByte(separator)
		b.WriteString(labels[i] + `="` + escape.Replace(labels[i+1]) + `"`)
		separator = ','
	}
	b.WriteByte('}')
	return b.String()
}
