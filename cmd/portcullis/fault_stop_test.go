//go:build unix

package main

import (
	"strings"
	"testing"
	"time"
)

// TestFaultStop freezes the executor at random moments, as a machine that is
// suspended would, while agents act. A claim on which it wakes up too late is
// abandoned, not acted upon.
func TestFaultStop(t *testing.T) {
	t.Parallel()
	l := newKillLoop(t)
	l.startAll()
	release, err := l.fabric.Release()
	must(t, err)
	stop := l.load()
	l.awaitProgress()
	late := false
	for round := 0; round < max(stopRounds, *rounds) || !late && round < maxStopRounds; round++ {
		frozen := release.Bounds.Start + l.randomly(release.Bounds.Start)
		if round%longStop == longStop-1 {
			frozen += release.Bounds.PulseLimit
		}
		// The waits are the experiment: the moment must have nothing to do with what runs.
		time.Sleep(l.randomly(50 * time.Millisecond))
		must(t, l.parts["executor"].Pause())
		time.Sleep(frozen)
		must(t, l.parts["executor"].Resume())
		l.awaitProgress()
		late = late || strings.Contains(l.parts["executor"].Log(), "start.late")
	}
	stop()
	l.check()
	if l.checkStarts() == 0 {
		t.Error("no claim was ever late: the executor was never frozen between claim and act")
	}
}

const (
	stopRounds    = 10
	maxStopRounds = 100
	longStop      = 5 // each of so many rounds outlasts the pulse limit
)

// randomly is a random duration below a limit.
func (l *killLoop) randomly(limit time.Duration) time.Duration {
	return time.Duration(l.random.Int64N(int64(limit)))
}
