//go:build faults

package cluster

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/faults/world"
)

const crashes = 4

// TestClusterKillLeader kills the ledger's leader, again and again. Each time another one must be found, and what the dead one had
// acknowledged must be there.
func TestClusterKillLeader(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	for range crashes {
		atAnyMoment()
		leader, _ := w.Leader()
		leader.Kill()
		w.AwaitActions(some) // with the two that are left
		leader.Restart(t)
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell(fmt.Sprintf("kill -9 of the leader, %d times", crashes), "goes on with the other two")
}

// TestClusterKillFollower kills a follower, again and again: nobody may notice.
func TestClusterKillFollower(t *testing.T) {
	w := world.New(t, world.Settings{})
	for range crashes {
		atAnyMoment()
		_, followers := w.Leader()
		one := followers[rand.IntN(len(followers))]
		one.Kill()
		w.AwaitActions(some)
		one.Restart(t)
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell(fmt.Sprintf("kill -9 of a follower, %d times", crashes), "goes on")
}

// TestClusterKillTwo leaves one broker alive, the leader itself. It may serve what it has; it may acknowledge nothing, so nothing
// starts once the last pulse is old. With the others it goes on by itself.
func TestClusterKillTwo(t *testing.T) {
	w := world.New(t, world.Settings{})
	for range 2 {
		_, followers := w.Leader()
		for _, f := range followers {
			f.Kill()
		}
		w.ExpectSilence(time.Now(), w.Bounds().Pulse+w.Bounds().Start, 3*time.Second)
		for _, f := range followers {
			f.Restart(t)
		}
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("kill -9 of two of three", "nothing starts; goes on when one is back")
}

// TestClusterKillAll kills everything that runs, brokers and parts, at one moment.
func TestClusterKillAll(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	for range 2 {
		atAnyMoment()
		for _, b := range w.Brokers {
			b.Kill()
		}
		for _, name := range []string{"e1", "e2", "s1", "r1"} {
			w.Part(name).Kill()
		}
		for _, b := range w.Brokers {
			b.Restart(t)
		}
		for _, name := range []string{"r1", "s1", "e1", "e2"} {
			w.Part(name).Launch()
		}
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("kill -9 of all brokers, enforcers, sentinel and recorder, twice", "goes on after the restart")
}

// TestClusterStepDown has the leader hand over, again and again.
func TestClusterStepDown(t *testing.T) {
	w := world.New(t, world.Settings{})
	const times = 10
	for range times {
		atAnyMoment()
		w.StepDown()
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell(fmt.Sprintf("leader steps down, %d times", times), "goes on")
}

// TestClusterRollingRestart restarts one broker after the other, as an update does.
func TestClusterRollingRestart(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	for _, b := range w.Brokers {
		b.Stop(t)
		w.AwaitActions(some)
		b.Restart(t)
		w.AwaitSynced()
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("rolling restart of all three", "goes on")
}

// TestClusterPause freezes the leader, then a follower, for longer than anybody waits for them, and lets them go on in the belief
// that no time has passed.
func TestClusterPause(t *testing.T) {
	w := world.New(t, world.Settings{})
	for range 2 {
		leader, _ := w.Leader()
		leader.Pause(t)
		w.AwaitActions(some) // under another leader
		leader.Resume(t)
		w.AwaitActions(some)
		_, followers := w.Leader()
		followers[0].Pause(t)
		w.AwaitActions(some)
		followers[0].Resume(t)
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("SIGSTOP of the leader, then of a follower, until the others go on; twice", "goes on")
}

// atAnyMoment waits for a while that has nothing to do with what runs.
func atAnyMoment() { time.Sleep(time.Duration(rand.Int64N(int64(500 * time.Millisecond)))) }
