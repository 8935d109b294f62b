package engine

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"time"
)

// resident is the memory that a process holds, in bytes; 0 where the system does not tell. Of this process (0) it is
// what the runtime got from the system at least.
func resident(pid int) uint64 {
	who := "self"
	if pid > 0 {
		who = strconv.Itoa(pid)
	}
	statm, err := os.ReadFile("/proc/" + who + "/statm")
	fields := bytes.Fields(statm)
	if err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseUint(string(fields[1]), 10, 64); err == nil {
			return pages * uint64(os.Getpagesize()) //nolint:gosec // positive
		}
	}
	if pid > 0 {
		return 0
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

const memoryEvery = 250 * time.Millisecond

// watchMemory notes memory in a recording, and looks at the latency of the newest whole second, until stop.
func (w *World) watchMemory(r *recording) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(memoryEvery)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case at := <-ticker.C:
				r.remembers(at, w.crew.resident())
				w.watchLatency(r, at)
			}
		}
	}()
	return func() {
		close(over)
		<-done
	}
}

// watchLatency keeps a trace of the first second whose p99 is above the limit.
func (w *World) watchLatency(r *recording, now time.Time) {
	if w.limit > 0 && w.profile != nil && r.p99Before(now) > w.limit {
		if err := w.profile.Trace(); err != nil {
			w.log.Warn("no trace was written", "err", err)
		}
	}
}
