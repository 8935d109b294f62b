package engine

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestHistogramsAgreeWithTheirSamples: quantiles are those of the sorted samples, within three digits.
func TestHistogramsAgreeWithTheirSamples(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(int64(shortest), int64(time.Minute)).Draw(t, "ns"))
		}), 1, 300).Draw(t, "samples")
		s := Distribution("x", samples)
		slices.Sort(samples)
		exact := func(percent float64) time.Duration {
			i := int(percent/100*float64(len(samples))+0.5) - 1
			return samples[min(max(i, 0), len(samples)-1)]
		}
		for _, q := range []struct {
			percent float64
			got     time.Duration
		}{{50, s.P50}, {90, s.P90}, {99, s.P99}, {99.9, s.P999}, {100, s.Max}} {
			if want := exact(q.percent); (q.got - want).Abs() > want/500+2*shortest {
				t.Fatalf("p%v of %d samples is %v, want %v", q.percent, len(samples), q.got, want)
			}
		}
		if s.Samples != uint64(len(samples)) || len(s.Curve) == 0 || s.Curve[len(s.Curve)-1].Percentile != 100 {
			t.Fatalf("%d samples, a curve of %d points", s.Samples, len(s.Curve))
		}
		for i := 1; i < len(s.Curve); i++ {
			if s.Curve[i].Value < s.Curve[i-1].Value || s.Curve[i].Percentile < s.Curve[i-1].Percentile {
				t.Fatalf("the curve goes back at %d", i)
			}
		}
	})
}

func TestLatenciesOutOfRangeAreCounted(t *testing.T) {
	s := Distribution("x", []time.Duration{-time.Second, 0, time.Hour})
	if s.Samples != 3 || s.P50 > 2*shortest || s.Max < longest*99/100 {
		t.Errorf("got %+v", s)
	}
	if empty := Distribution("x", nil); empty.Samples != 0 || empty.Max != 0 || empty.Curve != nil {
		t.Errorf("of nothing: %+v", empty)
	}
}
