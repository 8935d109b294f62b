package recorder

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// replaceKeys publishes a release that lists other log keys of the recorder.
func (w *world) replaceKeys() {
	w.t.Helper()
	w.logKeys = newLogKeys(w.t)
	w.govern(trusttest.Released(w.zone.Release(w.ofToday, func(p *pb.Release) {
		digest := w.fold().Governance().Release().Digest
		p.Version, p.Replaces = 2, digest[:]
	})))
}

// recorded runs a recorder over some more records.
func (w *world) recorded(n int) lineage.Checkpoint {
	w.t.Helper()
	r := w.run()
	last := w.noise(n)
	r.covers(last)
	r.eventually("it is published", func() bool { return w.lastPublished().Size >= last })
	r.end()
	return w.lastPublished()
}

// silent checks that a recorder signed nothing.
func (w *world) silent(r *running) {
	w.t.Helper()
	last := w.last()
	r.eventually("the ledger is read", func() bool { return r.Status().Position >= last && len(r.Status().Findings) > 0 })
	time.Sleep(50 * time.Millisecond)
	if s := r.Status(); s.Signed > 0 || s.Silent == "" {
		w.t.Errorf("it signed: %+v", s)
	}
}

// Copies of old notes hide no newer one, in whatever order somebody writes them.
func TestCopiesAmongCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.recorded(1)
	first := w.checkpoint()
	old := w.copied()
	second := w.recorded(60)
	for range together + 1 {
		w.write("w1", schemas.KindCheckpoint, "", first.Note)
	}
	last := w.recorded(1) // an intact disk is not led astray either
	if last.Size <= second.Size {
		t.Fatalf("%d after %d", last.Size, second.Size)
	}
	for range together + 1 {
		w.write("w1", schemas.KindCheckpoint, "", first.Note)
	}
	must(t, os.RemoveAll(w.dir))
	w.restore(old)
	w.noise(100)
	r := w.run()
	if f := r.forks(); !strings.Contains(f.GetDetail(), last.Root.String()) {
		t.Errorf("it says %s, and %d was signed last", f.GetDetail(), last.Size)
	}
	w.silent(r)
}

// A disk that was put back to an earlier state is no better than a lost one.
func TestDiskPutBack(t *testing.T) {
	w := newWorld(t)
	before := w.recorded(5)
	old, disk := w.copied(), t.TempDir()
	must(t, os.CopyFS(disk, os.DirFS(w.dir)))
	last := w.recorded(60)
	must(t, os.RemoveAll(w.dir))
	must(t, os.CopyFS(w.dir, os.DirFS(disk)))
	w.restore(old)
	r := w.run()
	f := r.forks()
	w.checkFork(f, w.kept(f)+1, last)
	if kept := w.kept(f); kept < before.Size || kept >= last.Size {
		t.Errorf("kept %d of %d; the disk has %d", kept, last.Size, before.Size)
	}
	if beat := w.beat(r); beat.GetCheckpoint().GetSize() != last.Size {
		t.Errorf("it names the checkpoint of %d, and the last one has %d", beat.GetCheckpoint().GetSize(), last.Size)
	}
	w.silent(r)
}

// The ledger goes back behind a loss that governors had signed for. Two more are
// needed: no tree takes the name of one that was signed for.
func TestBackBehindALoss(t *testing.T) {
	for name, lost := range map[string]bool{"with its disk": false, "with an empty one": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.recorded(10)
			old := w.copied()
			r := w.run()
			w.govern(loss(lineage.Checkpoint{Size: 100, Root: lineage.Hash{1}}, 5))
			r.covers(w.noise(10))
			r.end()
			last := w.checkpoint().Checkpoint
			w.restore(old)
			if lost {
				must(t, os.RemoveAll(w.dir))
				w.noise(40)
			}
			r = w.run()
			f := r.forks()
			w.checkFork(f, w.kept(f)+1, last)
			if !strings.Contains(f.GetDetail(), "2 times") {
				t.Errorf("it does not say that two are needed: %s", f.GetDetail())
			}
			w.silent(r)
			w.govern(loss(last, w.kept(f)))
			r.eventually("one is counted", func() bool {
				return len(r.Status().Findings) > 0 && !strings.Contains(r.Status().Findings[0].GetDetail(), "2 times")
			})
			w.silent(r)
			r.end()
			r = w.run() // nor does a restart make one of it
			w.silent(r)
			if again := r.forks(); again.GetSubject() != f.GetSubject() {
				t.Errorf("it was %s, and is %s after a restart", f.GetSubject(), again.GetSubject())
			}
			w.govern(loss(last, w.kept(f)))
			r.covers(w.last())
			if got := w.truthful(); got.Origin != w.origin(2) {
				t.Errorf("the new tree is %s", got.Origin)
			}
			if _, err := os.Stat(filepath.Join(w.dir, "lost-2", "checkpoint")); (err == nil) == lost {
				t.Errorf("the old tree: %v", err)
			}
		})
	}
}

// The ledger goes back behind the release that lists this recorder's keys: what
// they signed counts all the same.
func TestBackBehindNewKeys(t *testing.T) {
	for name, lost := range map[string]bool{"with its disk": false, "with an empty one": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.recorded(10)
			old := w.copied()
			w.replaceKeys()
			last := w.recorded(10)
			w.restore(old)
			w.noise(40)
			if lost {
				must(t, os.RemoveAll(w.dir))
			}
			r := w.run()
			f := r.forks()
			w.checkFork(f, w.kept(f)+1, last)
			w.silent(r)
		})
	}
}

// A recorder that is given its earlier keys again does not forget what the later
// ones signed, as long as it has its disk.
func TestBackToOldKeys(t *testing.T) {
	w := newWorld(t)
	w.recorded(10)
	old, before := w.copied(), w.logKeys
	w.replaceKeys()
	last := w.recorded(10)
	w.restore(old)
	w.noise(40)
	w.logKeys = before
	r := w.run()
	f := r.forks()
	w.checkFork(f, w.kept(f)+1, last)
	w.silent(r)
}

// What was kept is what published notes show, where the disk is lost, and nothing
// that is written meanwhile changes it.
func TestKeptWithoutTheDisk(t *testing.T) {
	for name, writes := range map[string]int{"ledger behind": 0, "ledger different": 200} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			shown := w.recorded(20)
			w.noise(3) // not covered by any checkpoint
			old := w.copied()
			last := w.recorded(100)
			must(t, os.RemoveAll(w.dir))
			w.restore(old)
			end := w.last()
			w.noise(writes)
			r := w.run()
			f := r.forks()
			kept := w.kept(f)
			w.checkFork(f, kept+1, last)
			if kept < shown.Size || kept > end {
				t.Errorf("kept %d; a note shows %d, and the ledger had %d", kept, shown.Size, end)
			}
			w.noise(5)
			w.silent(r)
			if again := r.forks(); again.GetSubject() != f.GetSubject() || again.GetDetail() != f.GetDetail() {
				t.Errorf("it was %v, and five records later it is %v", f, again)
			}
			r.end()
			r = w.run()
			if again := r.forks(); again.GetSubject() != f.GetSubject() {
				t.Errorf("it was %s, and is %s after a restart", f.GetSubject(), again.GetSubject())
			}
			w.govern(loss(last, kept))
			r.covers(w.last())
			w.truthful()
		})
	}
}

// Notes that this recorder's ledger knows no key of show nothing of what was kept.
func TestForgedNotesShowNothing(t *testing.T) {
	w := newWorld(t)
	old := w.copied()
	last := w.recorded(60)
	must(t, os.RemoveAll(w.dir))
	w.restore(old)
	w.noise(100)
	signer, err := newLogKeys(t).Signer(w.origin(0))
	must(t, err)
	for size := uint64(3); size < last.Size; size++ {
		note, err := signer.Sign(lineage.Checkpoint{Origin: w.origin(0), Size: size, Root: w.tree(size)}.String(), time.Now())
		must(t, err)
		w.write("w1", schemas.KindCheckpoint, "", note)
	}
	w.checkFork(w.run().forks(), 1, last)
}

// An origin is of this ledger, or it is not.
func TestNumber(t *testing.T) {
	origin := func(losses int) string {
		return lineage.Origin("d.test", "z-1", trusttest.NewZone(1, 1).Ledger, losses)
	}
	g := &governed{origin: origin}
	for text, want := range map[string]int{origin(0): 0, origin(1): 1, origin(12): 12} {
		if got, ok := g.number(text); !ok || got != want {
			t.Errorf("%s counts %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "1", origin(0) + "/", origin(0) + "/loss-0", origin(0) + "/loss-", origin(0) + "/loss-01", origin(0) + "/loss-+1", origin(0) + "/loss--1", origin(1) + "\n", "x" + origin(1), origin(0) + "/loss-99999999999999999999"} {
		if got, ok := g.number(text); ok {
			t.Errorf("%q counts %d", text, got)
		}
	}
}

// kept is what a finding says to be as it was.
func (w *world) kept(f *pb.Finding) uint64 {
	w.t.Helper()
	position, err := strconv.ParseUint(f.GetSubject(), 10, 64)
	if err != nil || position == 0 {
		w.t.Fatalf("it finds %v", f)
	}
	return position - 1
}

func (w *world) origin(losses int) string {
	return lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, w.zone.Ledger, losses)
}
