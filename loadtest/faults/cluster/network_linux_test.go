//go:build faults

package cluster

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/faults/world"
)

// TestClusterCutBroker cuts the leader off from everybody, then a follower. A leader that is alone acknowledges nothing; when it is
// back, its story is that of the others.
func TestClusterCutBroker(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	for range 2 {
		leader, _ := w.Leader()
		leader.Cut()
		w.AwaitActions(some)
		leader.Mend()
		w.AwaitSynced()
		w.AwaitActions(some)
		_, followers := w.Leader()
		followers[0].Cut()
		w.AwaitActions(some)
		followers[0].Mend()
		w.AwaitSynced()
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("network cut: the leader, then a follower; twice", "goes on with the other two")
}

// TestClusterCutLink cuts the leader off from one follower, and from nobody else: both are well, and reach the third. Who is
// connected to the follower must find another way to the leader.
func TestClusterCutLink(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	for range 2 {
		leader, followers := w.Leader()
		leader.CutFrom(followers[0].Host)
		w.AwaitActions(some)
		time.Sleep(20 * time.Second) // for long enough that whoever is astray has moved
		w.AwaitActions(some)
		leader.MendTo(followers[0].Host)
		w.AwaitSynced()
		w.AwaitActions(some)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("network cut: between the leader and one follower; twice", "goes on")
}

// TestClusterCutExecutor cuts one executor off from the fabric, and no further: it could act. It does not, neither by itself nor
// against a halt that it cannot hear, and the other one goes on.
func TestClusterCutExecutor(t *testing.T) {
	w := world.New(t, world.Settings{})
	x1 := w.Part("x1")
	for _, halt := range []bool{false, true} {
		x1.AwaitEffects(some / 3)
		mark := x1.Mark()
		x1.Cut()
		cut := time.Now()
		if halt {
			w.Halt() // nobody starts anything later than B after it, the one that cannot hear it neither
			w.ExpectSilence(time.Now(), w.Bounds().Start, w.Bounds().Pulse+3*time.Second)
		}
		x1.ExpectSilence(cut, w.Bounds().Start, w.Bounds().Pulse+3*time.Second)
		x1.AwaitDisarmed(mark)
		if halt {
			w.Resume()
		}
		w.AwaitActions(some) // by x2
		x1.Mend()
		x1.AwaitEffects(some / 3)
	}
	w.Verdict(world.Expected{Trips: silence}).Tell("network cut: one executor, without and with a halt meanwhile", "it starts nothing and disarms; the other one goes on; the kill bound holds")
}

// TestClusterCutSentinel cuts the only sentinel off: without its pulses nothing starts later than the pulse limit and B (S4).
func TestClusterCutSentinel(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	s1, x1, x2 := w.Part("s1"), w.Part("x1"), w.Part("x2")
	mark1, mark2 := x1.Mark(), x2.Mark()
	s1.Cut()
	cut := time.Now()
	w.ExpectSilence(cut, w.Bounds().Pulse+w.Bounds().Start, 5*time.Second)
	x1.AwaitDisarmed(mark1)
	x2.AwaitDisarmed(mark2)
	s1.Mend()
	w.AwaitActions(some)
	w.Verdict(world.Expected{Trips: silence}).Tell("network cut: the sentinel", "nothing starts, executors disarm; goes on when it is back")
}

// TestClusterCutEnforcer cuts one of two enforcers off that must agree: nothing is decided, so nothing is done.
func TestClusterCutEnforcer(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	e2 := w.Part("e2")
	e2.Cut()
	w.ExpectSilence(time.Now(), w.Bounds().Pulse+w.Bounds().Start, 3*time.Second)
	e2.Mend()
	w.AwaitActions(some)
	w.Verdict(world.Expected{Trips: silence}).Tell("network cut: one of two enforcers that must agree", "nothing is decided, nothing starts; goes on when it is back")
}
