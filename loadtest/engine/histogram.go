package engine

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// histogram is a distribution of latencies with three significant digits. It belongs to whoever guards it.
type histogram struct{ h *hdr.Histogram }

const (
	shortest = time.Microsecond
	longest  = 5 * time.Minute
	digits   = 3
	ticks    = 5 // points of a curve for each halving of the distance to 100 %
)

func newHistogram() histogram { return histogram{hdr.New(int64(shortest), int64(longest), digits)} }

// record takes a latency. Two clocks readings of one machine may be a little apart the wrong way: that counts as the
// shortest.
func (h histogram) record(d time.Duration) {
	_ = h.h.RecordValue(int64(min(max(d, shortest), longest))) // within its range
}

func (h histogram) count() uint64 { return uint64(h.h.TotalCount()) } //nolint:gosec // a count

func (h histogram) quantile(percent float64) time.Duration {
	return time.Duration(h.h.ValueAtQuantile(percent))
}

// stage is the distribution as a result says it.
func (h histogram) stage(name string) result.Stage {
	s := result.Stage{Name: name, Samples: h.count()}
	if s.Samples == 0 {
		return s
	}
	s.Mean, s.Max = time.Duration(h.h.Mean()), time.Duration(h.h.Max())
	s.P50, s.P90, s.P99, s.P999 = h.quantile(50), h.quantile(90), h.quantile(99), h.quantile(99.9)
	for _, b := range h.h.CumulativeDistributionWithTicks(ticks) {
		s.Curve = append(s.Curve, result.Quantile{Percentile: b.Quantile, Value: time.Duration(b.ValueAt)})
	}
	return s
}

// Distribution is the stage of a few durations, none of which needs to be positive.
func Distribution(name string, all []time.Duration) result.Stage {
	h := newHistogram()
	for _, d := range all {
		h.record(d)
	}
	return h.stage(name)
}
