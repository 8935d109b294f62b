package vitals

import "math"

const (
	perOctave = 8  // bins for each doubling: each is 9 % wide
	octaves   = 27 // up to 134 seconds in microseconds; what is more counts as that
	bins      = perOctave*octaves + 1
)

// histogram counts what was measured, in bins each a little wider than the one before.
// Its unit is the caller's, of which less than one is as good as one.
type histogram [bins]uint32

func (h *histogram) add(v float64) {
	i := 0
	if v >= 1 {
		i = min(int(math.Log2(v)*perOctave)+1, bins-1)
	}
	h[i]++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// quantile is a value that the given share of what was measured does not exceed: the
// upper edge of its bin, so at most 9 % more than the truth, never less. Unknown if
// nothing was measured.
func (h *histogram) quantile(share float64) number {
	total := 0.0
	for _, n := range h {
		total += float64(n)
	}
	if total == 0 {
		return unknown
	}
	below := 0.0
	for i, n := range h {
		if below += float64(n); below >= share*total {
			return known(math.Exp2(float64(i) / perOctave))
		}
	}
	return unknown
}
