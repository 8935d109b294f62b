//go:build faults

package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/faults/world"
)

// TestClusterRestoreOne puts an older copy under one broker. The other two have everything: it catches up, and nobody notices.
func TestClusterRestoreOne(t *testing.T) {
	w := world.New(t, world.Settings{})
	_, followers := w.Leader()
	one := followers[0]
	copies := w.Stores(one)
	w.AwaitActions(some)
	one.Kill()
	one.Disk.Restore(copies[one])
	one.Restart(t)
	w.AwaitSynced()
	w.AwaitActions(some)
	w.Verdict(world.Expected{Trips: silence}).Tell("one broker restored from an older copy", "catches up; nothing is lost")
}

// TestClusterRestoreAll puts older copies under all brokers: what they acknowledged since is gone, and no broker knows of it. The zone
// must: who ran on notices, and ends; who starts again finds that the recorder has signed for more; nothing starts before governors
// have signed for the loss.
func TestClusterRestoreAll(t *testing.T) {
	w := world.New(t, world.Settings{K: 2})
	copies := w.Stores(w.Brokers...)
	w.AwaitActions(some)
	w.AwaitRecorded()
	for _, b := range w.Brokers {
		b.Kill()
	}
	for _, b := range w.Brokers {
		b.Disk.Restore(copies[b])
	}
	lost(t, w, w.Brokers, "all brokers restored from older copies")
}

// TestClusterRestoreTwo puts older copies under two brokers while the third, which has everything, is away: the two are a majority,
// go on without what they do not know, and the third has to take their story when it is back.
func TestClusterRestoreTwo(t *testing.T) {
	w := world.New(t, world.Settings{})
	_, followers := w.Leader()
	copies := w.Stores(followers...)
	w.AwaitActions(some)
	w.AwaitRecorded()
	for _, b := range w.Brokers {
		b.Kill()
	}
	for _, b := range followers {
		b.Disk.Restore(copies[b])
	}
	lost(t, w, followers, "two brokers restored from older copies, and started before the third")
}

// remains are the rules that may trip over what is left of the lost history: outcomes and decisions that were on their way when it was
// lost, and stand now where nothing calls for them. They are true: something was done of which this ledger knows no more.
var remains = []string{"checkpoint.fork", "outcome.rogue", "decision.divergence", "replay.mismatch", "governance.mismatch"}

// lost starts a majority of the brokers, whose ledger has lost acknowledged records, then the others, and follows the zone until it works
// again.
func lost(t *testing.T, w *world.World, first []*world.Broker, fault string) {
	t.Helper()
	for _, b := range first {
		b.Restart(t)
	}
	w.Leader() // of a story of theirs
	for _, b := range w.Brokers {
		if !b.Running() {
			b.Restart(t)
		}
	}
	w.ExpectSilence(time.Now(), w.Bounds().Start, 5*time.Second)
	if len(w.Ended()) == 0 {
		t.Error("nobody who ran has noticed that the ledger went back")
	}
	w.Supervise() // as a supervisor would, who knows of nothing
	w.Revive()
	w.ExpectSilence(time.Now(), w.Bounds().Start, 8*time.Second)
	for _, b := range w.Brokers {
		if !slices.Contains(first, b) {
			b.Kill()
			b.Disk.Empty() // it holds records that are none any more; what counts it gets from the others
			b.Restart(t)
		}
	}
	w.AwaitSynced()
	w.AcceptLoss()
	w.AwaitActions(some)
	v := w.Verdict(world.Expected{Trips: append(remains, silence...), Findings: []audit.Rule{"outcome.rogue", "replay.mismatch"}, Lost: true})
	if v.Lost == 0 {
		t.Error("nothing was lost: this proves nothing")
	}
	v.Tell(fault, "noticed: nothing starts until governors have signed for the loss")
}
