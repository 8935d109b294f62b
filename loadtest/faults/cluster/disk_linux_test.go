//go:build faults

package cluster

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/faults/world"
)

// TestClusterSlowDisk makes every sync of a follower take long, which nobody notices, then every sync of the leader, for which all
// wait. A leader that is slower than the bounds that the release promises keeps its office, and then nothing starts: slow
// is no reason to be late. An operator has it hand over.
func TestClusterSlowDisk(t *testing.T) {
	w := world.New(t, world.Settings{})
	const slow, tooSlow = 20 * time.Millisecond, 400 * time.Millisecond
	leader, followers := w.Leader()
	mend := followers[0].Slow(followers[0].Process, tooSlow)
	w.AwaitActions(some)
	mend()
	mend = leader.Slow(leader.Process, slow)
	w.AwaitActions(some)
	mend()
	leader, _ = w.Leader()
	mend = leader.Slow(leader.Process, tooSlow)
	time.Sleep(5 * time.Second) // the experiment: whatever starts meanwhile is held to the start bound
	w.StepDown()
	w.AwaitActions(some) // while the old leader's disk is as slow as before
	mend()
	w.AwaitActions(some)
	w.Verdict(world.Expected{Trips: silence}).Tell("slow disk: syncs of a follower +400 ms, of the leader +20 ms, of the leader +400 ms",
		"goes on; goes on, slower; almost nothing starts in time until the leader steps down")
}

// TestClusterFullDisk fills the disk of a follower, then of the leader. What cannot be written is not acknowledged by that broker;
// with room again, and after a restart, it catches up.
func TestClusterFullDisk(t *testing.T) {
	w := world.New(t, world.Settings{Disk: "64m"})
	for _, leads := range []bool{false, true} {
		leader, followers := w.Leader()
		one := followers[0]
		if leads {
			one = leader
		}
		one.Disk.Fill()
		w.AwaitActions(some)
		one.Disk.Free()
		one.Kill()
		one.Restart(t)
		w.AwaitSynced()
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("full disk: a follower, then the leader", "goes on with the other two; catches up after a restart")
}
