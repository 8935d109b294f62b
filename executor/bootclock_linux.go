package executor

import (
	"time"

	"golang.org/x/sys/unix"
)

// bootClock is CLOCK_BOOTTIME: monotonic, and counting the time that the
// machine was suspended, which Go's own monotonic clock does not on Linux.
func bootClock() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return -1 // disarms: without a clock there is no start bound
	}
	return time.Duration(ts.Nano())
}
