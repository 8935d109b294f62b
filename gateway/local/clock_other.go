//go:build !linux

package local

import "time"

// bootClock is the wall clock: Go offers no other here that two processes share. If
// it is set back in the moment between permit and start, nothing starts.
func bootClock() time.Duration { return time.Duration(time.Now().UnixNano()) }
