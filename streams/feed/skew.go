package feed

import "time"

// Skew is how far this machine's clock is from the ledger's time, as the newest
// record told. It belongs to whoever holds the feed's guard; the zero value is
// none.
type Skew struct {
	off  time.Duration // positive: this clock is ahead, or the record was read late
	told time.Time     // by this clock
}

// skewLasts is how long a record counts that was stored long before it was read.
// Then a clock that is ahead cannot be told from a delay any more, and whoever is
// silent for it must speak to find out: a sentinel whose clock is wrong writes
// pulses that count for nothing.
const skewLasts = 2 * time.Second

// Stored takes a record that was just read: the broker stored it at the given
// time, which is zero for a record that cannot tell. Live says that records are
// read as they come. One that is read late, while catching up, tells only that
// the clock is not behind.
func (s *Skew) Stored(at, now time.Time, live bool) {
	if at.IsZero() || !live && now.After(at) {
		return
	}
	s.off, s.told = now.Sub(at), now
}

// StoredSince is Stored for a record of one's own that was sent at a known time.
// It was stored between then and now, however late it is read: after a machine
// has slept, a record from before must not look like a wrong clock.
func (s *Skew) StoredSince(at, sent, now time.Time) {
	switch {
	case at.IsZero():
		return
	case at.Before(sent):
		s.off = sent.Sub(at)
	case at.After(now):
		s.off = now.Sub(at)
	default:
		s.off = 0
	}
	s.told = now
}

// Fault says why a clock must not be trusted that may differ by a limit at most;
// "" if it may.
func (s *Skew) Fault(limit time.Duration, now time.Time) string {
	if s.off.Abs() <= limit || s.off > 0 && now.Sub(s.told) > skewLasts {
		return ""
	}
	return "clock.skew: this machine's clock and log time differ by " + s.off.Round(time.Second).String()
}
