package engine

import (
	"syscall"
	"time"
)

// nap sleeps in the kernel, whose sleeps end some ten microseconds late at most.
func nap(d time.Duration) {
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // cut short is no harm: the caller looks at the clock
}
