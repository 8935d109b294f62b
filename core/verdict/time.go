package verdict

import (
	"math"
	"time"
)

// State keeps times as Unix nanoseconds, which reach from 1677 to 2262. What
// lies beyond, and only a liar's deadline does, is held at the end of that range
// instead of wrapping round to a time that looks near.
var (
	earliest = time.Unix(0, math.MinInt64)
	latest   = time.Unix(0, math.MaxInt64)
)

func nanos(t time.Time) int64 {
	switch {
	case t.Before(earliest):
		return math.MinInt64
	case t.After(latest):
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}

// after is at + d for a d that is not negative.
func after(at int64, d time.Duration) int64 {
	if at > math.MaxInt64-int64(d) {
		return math.MaxInt64
	}
	return at + int64(d)
}
