package streams

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// How long a client waits before it tries all servers again. The longest wait is
// short beside a pulse limit of seconds, so that a participant does not stay away
// for longer than the fault that it lost its connection by.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = time.Second
)

// A connection that stood for this long was no mistake: its loss is the first in a row.
const stoodLong = time.Second

// backoff spreads the attempts of clients that lose their connections at one moment.
// The first attempt at each server comes at once; each further round waits for a
// random part of a time that doubles, up to longestWait.
type backoff struct {
	since atomic.Int64 // when the connection was made last, Unix nanoseconds; 0: never
}

// connected is told that a connection was made.
func (b *backoff) connected(now time.Time) { b.since.Store(now.UnixNano()) }

// delay is for how long to wait before round n of attempts, from 1. A connection that
// was lost as soon as it was made counts as an attempt that failed: a server that
// takes clients and drops them is not asked without a pause.
func (b *backoff) delay(n int, now time.Time) time.Duration {
	if n <= 1 && now.Sub(time.Unix(0, b.since.Load())) >= stoodLong {
		return 0
	}
	return spread(n)
}

// spread is a random wait before round n, from 1, of attempts that failed.
func spread(n int) time.Duration {
	limit := firstWait
	for ; n > 2 && limit < longestWait; n-- {
		limit *= 2
	}
	return rand.N(min(limit, longestWait)) + time.Millisecond //nolint:gosec // nothing rests on what is guessed
}
