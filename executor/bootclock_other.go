//go:build !linux

package executor

import "time"

var processStart = time.Now()

// bootClock is the process's monotonic clock, which on this system counts
// suspended time.
func bootClock() time.Duration { return time.Since(processStart) }
