package engine

import (
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// recording is what a load did. Safe for concurrent use.
type recording struct {
	begun time.Time // when the first action was intended
	end   time.Time // when the last one was to be sent

	mu      sync.Mutex
	sent    uint64
	told    uint64 // of sent, what became of them
	settled uint64 // of told, those whose records on the ledger were seen
	fates   map[string]uint64
	finals  uint64 // final answers that came before the end
	stages  map[string]histogram
	seconds []second
	closed  int // seconds before this one are summed up
}

// second is one second of a load.
type second struct {
	sent, answered uint64
	latency        histogram     // of what was answered in it; made when the first comes, gone when it is summed up
	p50, p99       time.Duration // then
	memory         uint64
}

// openSeconds are not summed up: who tells of an answer may be as much later than it came.
const openSeconds = 5

// sumUp replaces the histograms of the seconds before one by what is told of them: a histogram is large, and a soak has
// many seconds.
func (r *recording) sumUp(before int) {
	for ; r.closed < before; r.closed++ {
		if s := &r.seconds[r.closed]; s.latency.h != nil {
			s.p50, s.p99, s.latency = s.latency.quantile(50), s.latency.quantile(99), histogram{}
		}
	}
}

var stageNames = []string{"sent", "stored", "decided", "claimed", "started", "outcome", "answered"}

func newRecording(begun time.Time, lasts time.Duration) *recording {
	r := &recording{begun: begun, end: begun.Add(lasts), fates: make(map[string]uint64), stages: make(map[string]histogram)}
	for _, name := range stageNames {
		r.stages[name] = newHistogram()
	}
	return r
}

// index is that of the second of a moment.
func (r *recording) index(moment time.Time) int { return max(int(moment.Sub(r.begun)/time.Second), 0) }

// at is the second of a moment. It is called with mu held.
func (r *recording) at(moment time.Time) *second {
	i := r.index(moment)
	for len(r.seconds) <= i {
		r.seconds = append(r.seconds, second{})
	}
	return &r.seconds[i]
}

// asks notes that an action is sent.
func (r *recording) asks(intended time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	r.at(intended).sent++
}

// tells notes what an agent was told.
func (r *recording) tells(t trace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told++
	r.fates[t.fate.name]++
	r.stages["sent"].record(t.sent.Sub(t.intended))
	if !t.fate.final {
		return
	}
	if !t.answered.After(r.end) {
		r.finals++
	}
	r.stages["answered"].record(t.answered.Sub(t.intended))
	s, i := r.at(t.answered), r.index(t.answered)
	s.answered++
	if i < r.closed {
		return // it is in the whole load's latency; its second has been summed up without it
	}
	if s.latency.h == nil {
		s.latency = newHistogram()
	}
	s.latency.record(t.answered.Sub(t.intended))
	r.sumUp(i - openSeconds)
}

// take notes what the ledger showed of an action.
func (r *recording) take(t *trace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled++
	for name, moment := range map[string]time.Time{
		"stored": t.stored, "decided": t.decided, "claimed": t.claimed, "started": t.started, "outcome": t.outcome,
	} {
		if !moment.IsZero() {
			r.stages[name].record(moment.Sub(t.intended))
		}
	}
}

// remembers notes how much memory is in use.
func (r *recording) remembers(at time.Time, resident uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.at(at)
	s.memory = max(s.memory, resident)
}

// p99Before is the 99th percentile of the whole second before a moment.
func (r *recording) p99Before(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := int(now.Sub(r.begun)/time.Second) - 1
	if i < 0 || i >= len(r.seconds) || r.seconds[i].latency.h == nil {
		return 0
	}
	return r.seconds[i].latency.quantile(99)
}

// open is how many actions nobody has said the end of, and how many of the others the ledger's records are missing.
func (r *recording) open() (untold, unseen uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent - r.told, r.told - r.settled
}

// phase is the recording as a result says it.
func (r *recording) phase(name string, offered float64, after time.Duration) result.Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := r.end.Sub(r.begun)
	p := result.Phase{Name: name, Took: took, Offered: offered, Achieved: float64(r.finals) / took.Seconds(), Sent: r.sent}
	p.Outcomes = counts(r.fates)
	for _, stage := range stageNames {
		p.Stages = append(p.Stages, r.stages[stage].stage(stage))
	}
	r.sumUp(len(r.seconds))
	for i, s := range r.seconds {
		p.Series = append(p.Series, result.Point{
			Second: after.Seconds() + float64(i), Sent: s.sent, Answered: s.answered, P50: s.p50, P99: s.p99, Memory: s.memory,
		})
	}
	return p
}
