package main

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow to five times what is live before the next
// collection. What is live is small, tens of megabytes, and records come and go by
// the thousand: at Go's default a quarter of the time under load goes into collecting.
const gcPercent = 400

// collectRarely sets it, unless whoever runs the program has said otherwise with
// GOGC. GOMEMLIMIT still bounds the whole.
func collectRarely() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
