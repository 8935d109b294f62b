package vitals

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// shortly is how many seconds the newest figures cover.
const shortly = 60

// figures is what some whole seconds of the ledger come to.
type figures struct {
	From     time.Time         `json:"from"` // log time
	To       time.Time         `json:"to"`   // log time; it is not in the interval
	Seconds  int64             `json:"seconds"`
	Records  uint32            `json:"records"`
	Noise    uint32            `json:"noise"`
	Intents  uint32            `json:"intents"`
	Allowed  uint32            `json:"allowed"`
	Denied   uint32            `json:"denied"`
	Pending  uint32            `json:"pending"`
	Late     uint32            `json:"late"`
	Reasons  map[string]uint32 `json:"reasons"`
	Outcomes map[string]uint32 `json:"outcomes"`
	P50      number            `json:"decision_p50_ms"`
	P99      number            `json:"decision_p99_ms"`
	Used     number            `json:"deadline_used_p99"` // share of the deadline's span
	DoneP50  number            `json:"outcome_p50_ms"`
	DoneP99  number            `json:"outcome_p99_ms"`
}

const (
	half = 0.5
	most = 0.99
	// milli is a thousandth: microseconds to milliseconds.
	milli = 1e-3
)

// figuresOf sums up the seconds from..to-1, if all are known.
func (r *ring) figuresOf(from, to int64) (figures, bool) {
	sum, whole := r.sum(from, to)
	if !whole {
		return figures{}, false
	}
	f := figures{
		From: time.Unix(from, 0).UTC(), To: time.Unix(to, 0).UTC(), Seconds: to - from, Records: sum.records, Noise: sum.noise, Intents: sum.intents,
		Allowed: sum.allowed, Denied: sum.denied, Pending: sum.pending, Late: sum.late, Reasons: map[string]uint32{}, Outcomes: outcomesOf(sum.outcomes),
		P50: sum.decided.quantile(half).times(milli), P99: sum.decided.quantile(most).times(milli), Used: sum.used.quantile(most).times(1 / million),
		DoneP50: sum.done.quantile(half).times(milli), DoneP99: sum.done.quantile(most).times(milli),
	}
	for reason, n := range sum.reasons {
		f.Reasons[schemas.ReasonCode(reason)] = n
	}
	return f, true
}

// outcomesOf names each status, those too that did not occur.
func outcomesOf(outcomes map[pb.Status]uint32) map[string]uint32 {
	named := map[string]uint32{}
	for status, name := range statusNames {
		named[name] = outcomes[status]
	}
	return named
}

var statusNames = map[pb.Status]string{
	pb.Status_STATUS_EXECUTED: "executed", pb.Status_STATUS_FAILED: "failed", pb.Status_STATUS_INTERRUPTED: "interrupted",
	pb.Status_STATUS_ABANDONED: "abandoned", pb.Status_STATUS_INDETERMINATE: "indeterminate",
}

// newest is the newest minute's figures, or why there are none. It is called with mu held.
func (v *Vitals) newest() any {
	if v.why != nil {
		return map[string]string{"unknown": v.why.Error()}
	}
	ring := &v.tally.ring
	// The second of the newest record may not be over.
	from := max(ring.head-shortly, ring.from, ring.head-window+1)
	found, ok := ring.figuresOf(from, ring.head)
	if !ok {
		return map[string]string{"unknown": "no whole second of the ledger has been read yet"}
	}
	return struct {
		figures
		Position uint64    `json:"position"`
		Newest   time.Time `json:"newest"` // log time of the newest record
	}{found, v.tally.last, v.tally.newest.UTC()}
}

// boundsOf is what ages are measured against, in milliseconds.
func boundsOf(b governance.Bounds) map[string]int64 {
	named := map[string]time.Duration{
		"pulse_limit_ms": b.PulseLimit, "pulse_interval_ms": b.PulseInterval, "heartbeat_interval_ms": b.HeartbeatInterval,
		"max_deadline_ms": b.MaxDeadline, "max_clock_skew_ms": b.MaxClockSkew, "start_ms": b.Start,
	}
	all := make(map[string]int64)
	for name, d := range named {
		all[name] = d.Milliseconds()
	}
	return all
}
