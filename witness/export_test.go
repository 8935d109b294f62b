package witness

import "time"

// MaxForks and MaxBody are bounds that tests reach.
const (
	MaxForks = maxForks
	MaxBody  = maxBody
)

// Hurry bounds what clients may take of a witness's time.
func Hurry(w *Witness, d time.Duration) { w.limits = limits{d, d, d, d, d} }
