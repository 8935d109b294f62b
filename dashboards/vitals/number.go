package vitals

import (
	"encoding/json"
	"math"
)

// number is a figure, or that it is unknown: null in JSON. The zero number is unknown.
type number struct {
	value float64
	known bool
}

var unknown number

func known(v float64) number { return number{v, !math.IsNaN(v) && !math.IsInf(v, 0)} }

// times scales a figure to another unit.
func (n number) times(factor float64) number { return number{n.value * factor, n.known} }

// MarshalJSON writes null for what is unknown.
func (n number) MarshalJSON() ([]byte, error) {
	if !n.known {
		return []byte("null"), nil
	}
	const digits = 1e4 // nobody reads more, and plots are sent again and again
	return json.Marshal(math.Round(n.value*digits) / digits)
}
