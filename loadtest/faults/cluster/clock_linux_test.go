//go:build faults

package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/faults/world"
)

// skew are the rules that may trip over a clock that is wrong.
var skew = append([]string{"clock.skew"}, silence...)

// TestClusterClockOfExecutor lets the clock of one executor jump. It disarms by itself.
func TestClusterClockOfExecutor(t *testing.T) {
	w := world.New(t, world.Settings{})
	x1 := w.Part("x1")
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		x1.AwaitEffects(some / 3)
		mark := x1.Mark()
		back := x1.JumpClock(t, by)
		x1.AwaitDisarmed(mark)
		x1.ExpectSilence(time.Now(), w.Bounds().Start, 3*time.Second)
		back()
		w.Resume()
		x1.AwaitEffects(some / 3)
	}
	w.Verdict(world.Expected{Trips: skew, Skewed: []string{"x1"}}).
		Tell("clock of an executor: an hour forward, back, an hour back, right again", "it disarms; goes on when its clock is right")
}

// TestClusterClockOfSentinel lets the only sentinel's clock jump: it falls silent, and so does everything.
func TestClusterClockOfSentinel(t *testing.T) {
	w := world.New(t, world.Settings{})
	s1 := w.Part("s1")
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		back := s1.JumpClock(t, by)
		w.ExpectSilence(time.Now(), w.Bounds().Pulse+w.Bounds().Start, 3*time.Second)
		back()
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: skew}).
		Tell("clock of the sentinel: an hour forward, back, an hour back, right again", "no pulse counts, nothing starts; goes on when its clock is right")
}

// TestClusterClockOfEnforcer lets an enforcer's clock jump. No verdict depends on it; the sentinel sees it and trips.
func TestClusterClockOfEnforcer(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	e1 := w.Part("e1")
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		back := e1.JumpClock(t, by)
		time.Sleep(3 * time.Second) // the experiment: whatever it decides meanwhile is audited
		back()
		w.AwaitActions(some)
	}
	v := w.Verdict(world.Expected{Trips: skew})
	if v.Trips["clock.skew"] == 0 {
		t.Error("nobody saw that an enforcer's clock was wrong")
	}
	v.Tell("clock of an enforcer: an hour forward, back, an hour back, right again", "its verdicts are the others'; the sentinel trips")
}

// TestClusterClockOfFollower lets the clock of a broker jump that does not lead: it stamps nothing.
func TestClusterClockOfFollower(t *testing.T) {
	w := world.New(t, world.Settings{})
	_, followers := w.Leader()
	back := followers[0].JumpClock(t, time.Hour)
	w.AwaitActions(some)
	back()
	w.AwaitActions(some)
	w.Verdict(world.Expected{Trips: skew}).Tell("clock of a following broker: an hour forward, and back", "goes on")
}

// TestClusterClockOfLeader lets the clock jump from which log time is made. Executors see that it is not theirs and disarm; forward it is
// beyond every deadline until the time has really come, since log time never goes back.
func TestClusterClockOfLeader(t *testing.T) {
	w := world.New(t, world.Settings{})
	const by = 15 * time.Second
	for _, by := range []time.Duration{by, -by} {
		leader, _ := w.Leader()
		mark := w.Part("x1").Mark()
		jumped := time.Now()
		back := leader.JumpClock(t, by)
		w.ExpectSilence(jumped, w.Bounds().Pulse+w.Bounds().Start, 4*time.Second)
		w.Part("x1").AwaitDisarmed(mark)
		back()
		if by > 0 {
			w.ExpectSilence(jumped, by-7*time.Second, 3*time.Second)
		}
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: skew}).
		Tell(fmt.Sprintf("clock of the leading broker: %v forward, back, %v back, right again", by, by), "everybody disarms; goes on when log time and clocks agree")
}
