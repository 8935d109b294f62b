package vitals

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
)

const (
	points     = 150 // that a plot has at most, or a few more
	minSeconds = 30
)

// column is one figure over time; null where it is unknown.
type column []number

// seriesOf is figures over time. Each column has one value for each of Time. Figures of
// the ledger are rates in a second, or times in milliseconds.
type seriesOf struct {
	Now     time.Time         `json:"now"`  // the console's clock
	Step    int64             `json:"step"` // seconds that each point covers
	Unknown string            `json:"unknown,omitempty"`
	Time    []int64           `json:"time"` // Unix seconds at which each point's interval begins
	Columns map[string]column `json:"columns"`
	Reasons map[string]column `json:"reasons"` // denials each second, by reason
	Lag     map[string]column `json:"lag"`     // positions behind, by ROLE/NAME; the most that was seen
	Whole   *figures          `json:"whole"`   // of all of the interval that is known; null if nothing is
	Events  []event           `json:"governance"`
}

// series answers GET /api/v1/health/series?seconds=N: the last N seconds.
func (v *Vitals) series(w http.ResponseWriter, r *http.Request) error {
	seconds := int64(window)
	if text := r.URL.Query().Get("seconds"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < minSeconds || n > window {
			return surface.Asked(fmt.Sprintf("seconds=%.20q", text), fmt.Sprintf("give a number from %d to %d", minSeconds, window))
		}
		seconds = n
	}
	v.ask()
	v.mu.Lock()
	told := v.seriesAt(v.cfg.Clock(), seconds)
	v.mu.Unlock()
	return surface.JSON(w, told)
}

// seriesAt is called with mu held.
func (v *Vitals) seriesAt(now time.Time, seconds int64) seriesOf {
	step := max(seconds/points, 1)
	end := now.Unix() / step * step // so that points stay where they are from one answer to the next
	s := seriesOf{Now: now.UTC(), Step: step, Columns: map[string]column{}, Reasons: map[string]column{}, Lag: map[string]column{}, Events: []event{}}
	for from := end - seconds/step*step; from < end; from += step {
		s.Time = append(s.Time, from)
	}
	for name, follower := range v.lags {
		for _, from := range s.Time {
			s.Lag[name] = append(s.Lag[name], follower.most(from, from+step))
		}
	}
	if v.why != nil {
		s.Unknown = v.why.Error()
		return s
	}
	s.count(&v.tally.ring)
	s.Events = append(s.Events, v.tally.events...)
	ring := &v.tally.ring
	if whole, ok := ring.figuresOf(max(end-seconds, ring.from, ring.head-window+1), min(end, ring.head)); ok {
		s.Whole = &whole
	}
	return s
}

// count fills the columns that come from the ledger.
func (s *seriesOf) count(r *ring) {
	var wholes []bool
	for i, from := range s.Time {
		sum, whole := r.sum(from, from+s.Step)
		rate := func(n uint32) number { return number{float64(n) / float64(s.Step), whole} }
		for name, value := range map[string]number{
			"records": rate(sum.records), "noise": rate(sum.noise), "intents": rate(sum.intents),
			"allowed": rate(sum.allowed), "denied": rate(sum.denied), "pending": rate(sum.pending),
			"decision_p50_ms": sum.decided.quantile(half).times(milli), "decision_p99_ms": sum.decided.quantile(most).times(milli),
			"deadline_used_p99": sum.used.quantile(most).times(1 / million),
			"outcome_p50_ms":    sum.done.quantile(half).times(milli), "outcome_p99_ms": sum.done.quantile(most).times(milli),
		} {
			s.Columns[name] = append(s.Columns[name], value)
		}
		for status, n := range outcomesOf(sum.outcomes) {
			s.Columns[status] = append(s.Columns[status], rate(n))
		}
		wholes = append(wholes, whole)
		for reason, n := range sum.reasons {
			code := schemas.ReasonCode(reason)
			if s.Reasons[code] == nil {
				s.Reasons[code] = make(column, len(s.Time))
			}
			s.Reasons[code][i] = rate(n)
		}
	}
	s.zeroes(wholes)
}

// zeroes fills in that a reason did not occur where that is known.
func (s *seriesOf) zeroes(known []bool) {
	for _, column := range s.Reasons {
		for i := range column {
			column[i].known = known[i]
		}
	}
}

// history answers GET /api/v1/health/findings: what drifts and what was seen to drift.
func (v *Vitals) history(w http.ResponseWriter, _ *http.Request) error {
	v.ask()
	v.mu.Lock()
	told := map[string]any{"findings": v.findings.list(), "dropped": v.findings.dropped, "from": nil, "to": nil}
	if !v.findings.from.IsZero() {
		told["from"], told["to"] = v.findings.from.UTC(), v.findings.looked.UTC()
	}
	v.mu.Unlock()
	return surface.JSON(w, told)
}
