package heartbeat

import "time"

// patience is how long a beater waits for an acknowledgement. It adapts: one beat
// after the other that is given up makes it wait longer, up to longestWait intervals,
// and one that is acknowledged makes it wait twice as long as that took.
//
// Many participants may ask more of a broker than it can do. If each gave its beat up
// after an interval and sent the next, the broker would store ever older ones, all too
// late. Whoever waits for the acknowledgement sends no more than is taken: beats come
// less often then, and each of them is fresh.
type patience struct{ wait time.Duration }

const (
	// An append may take as long as the interval, within these bounds.
	minTimeout = 100 * time.Millisecond
	maxTimeout = 2 * time.Second

	// longestWait is in intervals: half of the silence that trips by default. After an
	// outage nobody may still wait for an acknowledgement when he is missed.
	longestWait = 4
)

// limit is how long the next append may take.
func (p *patience) limit(interval time.Duration) time.Duration {
	return bounded(max(interval, min(p.wait, longestWait*interval)))
}

func bounded(d time.Duration) time.Duration { return min(max(d, minTimeout), maxTimeout) }

// acknowledged is told how long an append took.
func (p *patience) acknowledged(took time.Duration) { p.wait = 2 * took }

// gaveUp is told of an append without an answer.
func (p *patience) gaveUp(limit time.Duration) { p.wait = 2 * limit }
