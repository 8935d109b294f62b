package report

import (
	"math"
	"strings"
)

// Scale is how an axis spreads its values.
type Scale int

// The scales. Percentile is that of HDR histograms: each nine takes as much room as the one before, and 100 % stands
// at the end.
const (
	Linear Scale = iota
	Log
	Percentile
)

// Axis is one axis of a drawing. Linear axes begin at zero.
type Axis struct {
	Title string
	Scale Scale
	Text  func(float64) string // writes a value with its unit
	Unit  float64              // of a linear axis, what is written as 1; 0 means 1
}

// room is an axis with the range of the values on it.
type room struct {
	Axis
	low, high float64 // as the scale spreads them
}

// spread is a value's place on the scale, not yet on the paper. It is finite for every finite value.
func (a Axis) spread(v float64) float64 {
	switch a.Scale {
	case Log:
		return math.Log10(max(v, math.SmallestNonzeroFloat32))
	case Percentile:
		return -math.Log10(max(1-v/100, 1e-7))
	case Linear:
		return v
	}
	return v
}

// fits reports whether a value can stand on the axis at all.
func (a Axis) fits(v float64) bool {
	if !finite(v) {
		return false
	}
	switch a.Scale {
	case Log:
		return v > 0
	case Percentile:
		return v >= 0 && v <= 100
	case Linear:
		return v >= 0
	}
	return false
}

// over is the axis with room for values, of which there may be none.
func (a Axis) over(values []float64) room {
	r := room{Axis: a, low: math.Inf(1), high: math.Inf(-1)}
	for _, v := range values {
		if a.fits(v) {
			r.low, r.high = min(r.low, a.spread(v)), max(r.high, a.spread(v))
		}
	}
	switch {
	case r.low > r.high:
		r.low, r.high = a.spread(1), a.spread(10)
	case a.Scale == Log: // whole decades would waste room; a tenth of one below and above does not
		r.low, r.high = r.low-0.1, r.high+0.1
	}
	if a.Scale != Log {
		r.low = 0
	}
	if r.high <= r.low {
		r.high = r.low + 1
	}
	if a.Scale == Linear {
		r.high *= 1.05
	}
	return r
}

// place is a value's place between 0 and 1.
func (r room) place(v float64) float64 {
	return min(max((r.spread(v)-r.low)/(r.high-r.low), 0), 1)
}

// tick is a value that is written beside the axis.
type tick struct {
	at   float64 // between 0 and 1
	text string
}

// ticks are round values within the room, a handful of them.
func (r room) ticks() []tick {
	var values []float64
	switch r.Scale {
	case Log:
		values = decades(r.low, r.high)
	case Percentile:
		values = nines(r.high)
	case Linear:
		unit := r.Unit
		if unit <= 0 {
			unit = 1
		}
		values = steps(r.high, unit)
	}
	ticks := make([]tick, len(values))
	for i, v := range values {
		ticks[i] = tick{r.place(v), brief(r.Text(v))}
	}
	return ticks
}

// decades are the powers of ten within a range of logarithms; of few decades also their doubles and fives.
func decades(low, high float64) []float64 {
	var values []float64
	factors := []float64{1}
	if high-low < 3 {
		factors = []float64{1, 2, 5}
	}
	for e := math.Floor(low); e <= high; e++ {
		for _, f := range factors {
			if v := f * math.Pow(10, e); math.Log10(v) >= low && math.Log10(v) <= high {
				values = append(values, v)
			}
		}
	}
	for len(values) > 8 {
		values = everySecond(values)
	}
	return values
}

func everySecond(values []float64) []float64 {
	var kept []float64
	for i := 0; i < len(values); i += 2 {
		kept = append(kept, values[i])
	}
	return kept
}

// nines are 0, 50, 90, 99, 99.9 and so on as far as the room goes.
func nines(high float64) []float64 {
	values := []float64{0, 50}
	for e := 1.0; e <= high+1e-9; e++ {
		values = append(values, 100-100*math.Pow(10, -e))
	}
	return values
}

// steps are multiples of 1, 2 or 5 units from zero on.
func steps(high, unit float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(high/unit)))
	for _, f := range []float64{0.1, 0.2, 0.5, 1} {
		if high/(unit*step*f) <= 6 || f == 1 {
			step *= unit * f
			break
		}
	}
	var values []float64
	for i := 0; float64(i)*step <= high && i < 12; i++ {
		values = append(values, float64(i)*step)
	}
	return values
}

// brief writes a round value without the zeros that a measured one needs: 5 ms, not 5.00 ms.
func brief(text string) string {
	digits, unit, found := strings.Cut(text, " ")
	if strings.Contains(digits, ".") {
		digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
	}
	if !found || digits == "0" {
		return digits
	}
	return digits + " " + unit
}
