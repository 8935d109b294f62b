package feed

import "time"

// Skew is how far this machine's clock is from the ledger's time, as the newest
// record told. It belongs to whoever holds the feed's guard; the zero value is
// none.
type Skew struct{ off time.Duration }

// Stored takes a record that was just read: the broker stored it at the given
// time, which is zero for a record that cannot tell.
func (s *Skew) Stored(at, now time.Time) {
	if !at.IsZero() {
		s.off = now.Sub(at)
	}
}

// StoredSince is Stored for a record of one's own that was sent at a known time.
// It was stored between then and now, however late it is read: after a machine
// has slept, a record from before must not look like a wrong clock.
func (s *Skew) StoredSince(at, sent, now time.Time) {
	switch {
	case at.IsZero():
	case at.Before(sent):
		s.off = sent.Sub(at)
	case at.After(now):
		s.off = now.Sub(at)
	default:
		s.off = 0
	}
}

// Fault says why a clock must not be trusted that may differ by a limit at most;
// "" if it may.
func (s *Skew) Fault(limit time.Duration) string {
	if s.off.Abs() <= limit {
		return ""
	}
	return "clock.skew: this machine's clock and log time differ by " + s.off.Round(time.Second).String()
}
