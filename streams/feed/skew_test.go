package feed

import (
	"testing"
	"time"
)

func TestSkew(t *testing.T) {
	const limit = 2 * time.Second
	now := time.Unix(1_750_000_000, 0)
	stored := func(ago time.Duration, live bool) func(*Skew) {
		return func(s *Skew) { s.Stored(now.Add(-ago), now, live) }
	}
	own := func(ago, sent time.Duration) func(*Skew) {
		return func(s *Skew) { s.StoredSince(now.Add(-ago), now.Add(-sent), now) }
	}
	tests := []struct {
		name  string
		tell  []func(*Skew)
		later time.Duration
		fault bool
	}{
		{"nothing was read", nil, 0, false},
		{"read at once", []func(*Skew){stored(0, true)}, 0, false},
		{"within the bound", []func(*Skew){stored(limit, true)}, 0, false},
		{"this clock is ahead", []func(*Skew){stored(limit+1, true)}, 0, true},
		{"this clock is behind", []func(*Skew){stored(-limit-1, true)}, 0, true},
		{"a ledger that takes long to read", []func(*Skew){stored(time.Hour, false), stored(time.Minute, false)}, 0, false},
		{"a clock that is behind shows while catching up too", []func(*Skew){stored(-limit-1, false)}, 0, true},
		{"read late, and nobody writes: time to speak", []func(*Skew){stored(time.Minute, true)}, skewLasts + 1, false},
		{"not yet", []func(*Skew){stored(time.Minute, true)}, skewLasts, true},
		{"a clock that is behind stays so", []func(*Skew){stored(-time.Minute, true)}, time.Hour, true},
		{"the next record tells better", []func(*Skew){stored(time.Minute, true), stored(0, true)}, 0, false},
		{"a record without a time tells nothing", []func(*Skew){stored(time.Minute, true), func(s *Skew) { s.Stored(time.Time{}, now, true) }}, 0, true},
		{"one's own, read late", []func(*Skew){own(time.Minute, time.Minute+time.Second)}, 0, false},
		{"one's own, stored before it was sent: ahead", []func(*Skew){own(time.Minute, 0)}, 0, true},
		{"one's own, stored after it was read: behind", []func(*Skew){own(-time.Minute, 0)}, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Skew
			for _, tell := range tt.tell {
				tell(&s)
			}
			if got := s.Fault(limit, now.Add(tt.later)); (got != "") != tt.fault {
				t.Errorf("%q", got)
			}
		})
	}
}
