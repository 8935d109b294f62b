package recorder

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// Every record becomes a leaf, noise too, and each checkpoint is on disk, on its
// stream and true.
func TestGrows(t *testing.T) {
	w := newWorld(t)
	w.noise(3)
	r := w.run()
	for range 3 {
		r.covers(w.noise(150))
		w.truthful()
	}
	if got := w.checkpoint(); got.Origin != lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, w.zone.Ledger, 0) {
		t.Errorf("it signs for %s", got.Origin)
	}
	r.eventually("the newest is published", func() bool {
		notes := w.records(streams.Checkpoints)
		note, err := os.ReadFile(filepath.Join(tiles.TreeDir(w.dir), "checkpoint"))
		return err == nil && len(notes) > 0 && string(notes[len(notes)-1].Data) == string(note)
	})
	signed := r.Status().Signed
	time.Sleep(100 * time.Millisecond)
	if got := r.Status().Signed; got != signed {
		t.Errorf("%d checkpoints were signed of nothing new", got-signed)
	}
}

func TestRestartsInTheMiddle(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		r := w.run()
		r.covers(w.noise(200))
		r.end()
		w.noise(20) // nobody records
		if got := w.truthful(); got.Size < 200 {
			t.Errorf("the checkpoint covers %d", got.Size)
		}
	}
	r := w.run()
	r.covers(w.last())
	w.truthful()
}

// Rebuilt from the ledger alone, the tree has the same files.
func TestRebuiltEqual(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	r.covers(w.noise(300))
	r.covers(w.noise(280))
	r.end()
	size := w.checkpoint().Size
	before := map[string]string{}
	for _, name := range []string{"tile/0/000", "tile/0/001", "tile/entries/000", "tile/entries/001"} {
		data, err := os.ReadFile(filepath.Join(tiles.TreeDir(w.dir), name))
		must(t, err)
		before[name] = string(data)
	}
	must(t, os.RemoveAll(w.dir))
	r = w.run()
	r.covers(size)
	w.truthful()
	for name, want := range before {
		data, err := os.ReadFile(filepath.Join(tiles.TreeDir(w.dir), name))
		must(t, err)
		if string(data) != want {
			t.Errorf("%s differs", name)
		}
	}
}

// A ledger that ends before the last checkpoint: nothing is signed, the heartbeat
// says so, and when governors sign for the loss a new tree begins.
func TestLedgerBehind(t *testing.T) {
	w := newWorld(t)
	w.noise(5)
	old := w.copied()
	r := w.run()
	r.covers(w.noise(40))
	r.end()
	before := w.checkpoint()
	w.restore(old)
	kept := w.last()

	r = w.run()
	f := r.forks()
	w.checkFork(f, kept+1, before.Checkpoint)
	w.noSigning(r, before)
	beat := w.beat(r)
	if len(beat.GetFindings()) != 1 || !strings.HasPrefix(beat.GetDisarmed(), schemas.DriftCheckpointFork) || beat.GetCheckpoint().GetSize() != before.Size {
		t.Errorf("it beats %v", beat)
	}
	// What is written now does not heal it, nor does a restart.
	w.noise(50)
	w.noSigning(r, before)
	r.end()
	r = w.run()
	w.checkFork(r.forks(), kept+1, before.Checkpoint)

	// Somebody else's loss is ignored.
	other := before.Checkpoint
	other.Root[0] ^= 1
	w.govern(loss(other, kept))
	w.noSigning(r, before)

	w.govern(loss(before.Checkpoint, kept))
	r.covers(w.last())
	after := w.truthful()
	if after.Origin != lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, w.zone.Ledger, 2) {
		t.Errorf("the new tree is %s", after.Origin)
	}
	note, err := os.ReadFile(filepath.Join(w.dir, "lost-1", "checkpoint"))
	must(t, err)
	if string(note) != string(before.Note) {
		t.Error("the old tree was not kept as it was")
	}
	r.end()
	r = w.run() // and goes on with the new tree
	r.covers(w.noise(1))
	w.truthful()
}

// The same, where the loss was signed while the recorder was down.
func TestLossWhileDown(t *testing.T) {
	w := newWorld(t)
	old := w.copied()
	r := w.run()
	r.covers(w.noise(10))
	r.end()
	before := w.checkpoint()
	w.restore(old)
	kept := w.last()
	w.noise(30)
	w.govern(loss(before.Checkpoint, kept))
	r = w.run()
	r.covers(w.last())
	w.truthful()
	if _, err := os.Stat(filepath.Join(w.dir, "lost-1", "checkpoint")); err != nil {
		t.Error(err)
	}
}

// A loss that took nothing from this tree ends it all the same: verifiers count
// losses.
func TestLossElsewhere(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	r.covers(w.noise(10))
	other := lineage.Checkpoint{Size: 100, Root: lineage.Hash{1}}
	w.govern(loss(other, 5))
	r.covers(w.noise(1))
	if got := w.truthful(); got.Origin != lineage.Origin(trusttest.TrustDomain, trusttest.ZoneName, w.zone.Ledger, 1) {
		t.Errorf("it signs for %s", got.Origin)
	}
}

// A ledger that is as long, and another.
func TestLedgerDiffers(t *testing.T) {
	w := newWorld(t)
	w.noise(3)
	old := w.copied()
	kept := w.last()
	r := w.run()
	r.covers(w.noise(300))
	r.end()
	before := w.checkpoint()
	w.restore(old)
	w.noise(400)
	r = w.run()
	w.checkFork(r.forks(), kept+1, before.Checkpoint)
	w.noSigning(r, before)
}

// A lost disk is no way to start over: what was published counts.
func TestLostDisk(t *testing.T) {
	for name, writes := range map[string]int{"ledger behind": 0, "ledger different": 60} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			old := w.copied()
			r := w.run()
			r.covers(w.noise(20))
			r.end()
			must(t, os.RemoveAll(w.dir))
			r = w.run() // an honest ledger: the tree is built again
			r.covers(w.last())
			w.truthful()
			r.end()

			must(t, os.RemoveAll(w.dir))
			w.restore(old)
			w.noise(writes)
			r = w.run()
			f := r.forks()
			signed := w.lastPublished()
			w.checkFork(f, 1, signed) // where they begin to differ, neither an empty disk nor a note can tell
			if _, err := os.Stat(filepath.Join(tiles.TreeDir(w.dir), "checkpoint")); err == nil || r.Status().Signed > 0 {
				t.Error("it signed")
			}
			w.govern(loss(signed, 1))
			r.covers(w.last())
			w.truthful()
		})
	}
}

// A broker that goes back while the recorder runs is found out without a restart.
func TestLedgerGoesBackMeanwhile(t *testing.T) {
	w := newWorld(t)
	old := w.copied()
	r := w.run(func(c *Config) { c.Conn = w.connect("r1", true) })
	r.covers(w.noise(10))
	w.restore(old)
	f := r.forks()
	if f.GetSubject() != strconv.FormatUint(w.last()+1, 10) {
		t.Errorf("it says %v", f)
	}
}

// Junk among the checkpoints hides nothing, and counts for nothing.
func TestJunkAmongCheckpoints(t *testing.T) {
	w := newWorld(t)
	old := w.copied()
	r := w.run()
	r.covers(w.noise(10))
	r.end()
	before := w.checkpoint()
	forger := newLogKeys(t)
	signer, err := forger.Signer(before.Origin)
	must(t, err)
	big := before.Checkpoint
	big.Size = 1 << 40
	forged, err := signer.Sign(big.String(), time.Now())
	must(t, err)
	junk := func() {
		for range together + 1 {
			w.write("w1", schemas.KindCheckpoint, "", forged)
		}
	}
	junk()
	must(t, os.RemoveAll(w.dir))
	r = w.run()
	r.covers(before.Size)
	w.truthful()
	r.end()
	junk()
	must(t, os.RemoveAll(w.dir))
	w.restore(old)
	w.run().forks()
}

// After a seal one checkpoint covers it, and none comes after.
func TestSeal(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	r.covers(w.noise(5))
	sealed := w.govern(seal())
	finished := func() bool {
		return r.Status().Checkpoint.Size == sealed && strings.Contains(r.Status().Silent, "sealed")
	}
	r.eventually("the seal is covered", finished)
	w.noise(20)
	r.eventually("later records are read", func() bool { return r.Status().Position == w.last() })
	if !finished() {
		t.Errorf("it went on: %+v", r.Status())
	}
	w.truthful()
	r.end()
	r = w.run()
	r.eventually("a restart adds nothing", func() bool { return r.Status().Position == w.last() && finished() })
}

// The last checkpoint ends with the seal, also where more was written before it
// could be signed.
func TestSealWhileDown(t *testing.T) {
	w := newWorld(t)
	sealed := w.govern(seal())
	w.write("r1", schemas.KindCredential, "r1", w.member.Credential)
	w.noise(20)
	r := w.run()
	r.eventually("all is read", func() bool { return r.Status().Position == w.last() && strings.Contains(r.Status().Silent, "sealed") })
	if got := w.truthful(); got.Size != sealed {
		t.Errorf("the last checkpoint covers %d, the seal is at %d", got.Size, sealed)
	}
}

// Whose keys the release does not list, or who was revoked, signs nothing.
func TestSignsOnlyWhatCounts(t *testing.T) {
	t.Run("not listed", func(t *testing.T) {
		w := newWorld(t)
		w.logKeys = newLogKeys(t)
		r := w.run()
		r.eventually("it says so", func() bool { return strings.Contains(r.Status().Silent, "log keys") })
		if beat := w.beat(r); !strings.Contains(beat.GetDisarmed(), "log keys") || beat.GetCheckpoint() != nil {
			t.Errorf("it beats %v", beat)
		}
	})
	t.Run("half listed", func(t *testing.T) {
		w := newWorld(t, func(r *pb.Release) {
			p := r.GetDirectory()[len(r.GetDirectory())-1]
			p.LogKeys = p.GetLogKeys()[:1]
		})
		r := w.run()
		r.eventually("it says so", func() bool { return strings.Contains(r.Status().Silent, "log keys") })
	})
	t.Run("not enrolled", func(t *testing.T) {
		w := newWorld(t, func(r *pb.Release) {
			r.Directory = slices.DeleteFunc(r.GetDirectory(), func(p *pb.Identity) bool { return p.GetName() == "r1" })
		})
		r := w.run()
		r.eventually("it says so", func() bool { return strings.Contains(r.Status().Silent, "do not count") })
	})
	t.Run("revoked", func(t *testing.T) {
		w := newWorld(t)
		r := w.run()
		r.covers(w.noise(5))
		w.govern(trusttest.RevokeIdentity(w.member.ID))
		r.eventually("it stops", func() bool { return strings.Contains(r.Status().Silent, "do not count") })
		signed := r.Status().Signed
		last := w.noise(5)
		r.eventually("it reads on", func() bool { return r.Status().Position == last })
		if got := r.Status(); got.Signed != signed || got.Silent == "" {
			t.Errorf("it went on: %+v", got)
		}
	})
	t.Run("relaxed sync", func(t *testing.T) {
		w := newWorld(t, func(r *pb.Release) { r.Durability = pb.Durability_DURABILITY_SYNC_ALWAYS_UNSPECIFIED })
		r := w.run()
		r.eventually("it refuses", func() bool { return strings.Contains(r.Status().Silent, "sync") })
		time.Sleep(50 * time.Millisecond)
		if got := r.Status(); got.Signed > 0 {
			t.Errorf("it signed: %+v", got)
		}
	})
}

// Keys that were replaced leave a tree that goes on under the new ones.
func TestLogKeysAreReplaced(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	r.covers(w.noise(5))
	r.end()
	first := w.checkpoint()
	w.replaceKeys()
	r = w.run()
	r.covers(w.last())
	if got := w.truthful(); got.Size <= first.Size || got.Origin != first.Origin {
		t.Errorf("%+v does not continue %+v", got.Checkpoint, first.Checkpoint)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Run("a folder that another has", func(t *testing.T) {
		w := newWorld(t)
		w.run().covers(w.noise(1))
		r := w.run()
		<-r.done
		if err := *r.err.Load(); err == nil || !strings.Contains(err.Error(), "another recorder") {
			t.Error(err)
		}
	})
	t.Run("a tree of another ledger", func(t *testing.T) {
		w := newWorld(t)
		signer, err := w.logKeys.Signer("example.test/other")
		must(t, err)
		note, err := signer.Sign(lineage.Checkpoint{Origin: "example.test/other", Root: new(lineage.Edge).Root()}.String(), time.Now())
		must(t, err)
		must(t, os.MkdirAll(tiles.TreeDir(w.dir), 0o700))
		must(t, os.WriteFile(filepath.Join(tiles.TreeDir(w.dir), "checkpoint"), note, 0o600))
		r := w.run()
		<-r.done
		if err := *r.err.Load(); err == nil || !strings.Contains(err.Error(), "its own folder") {
			t.Error(err)
		}
	})
	t.Run("a disk that lost tiles", func(t *testing.T) {
		w := newWorld(t)
		r := w.run()
		r.covers(w.noise(300))
		r.end()
		must(t, os.Remove(filepath.Join(tiles.TreeDir(w.dir), "tile/0/000")))
		r = w.run()
		<-r.done
		if err := *r.err.Load(); !errors.Is(err, tiles.ErrDisk) {
			t.Error(err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	whole := Config{
		Conn: w.conn("r1"), Ledger: w.zone.Ledger, ID: w.member.ID, Key: w.member.Key, Credential: w.member.Credential,
		LogKeys: w.logKeys, Dir: w.dir, Logger: w.quiet(),
	}
	if _, err := New(whole); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no connection":  func(c *Config) { c.Conn = nil },
		"no ledger":      func(c *Config) { c.Ledger = trust.Digest{} },
		"nobody":         func(c *Config) { c.ID = trust.Identity{} },
		"no key":         func(c *Config) { c.Key = nil },
		"no credential":  func(c *Config) { c.Credential = nil },
		"no log keys":    func(c *Config) { c.LogKeys = nil },
		"no folder":      func(c *Config) { c.Dir = "" },
		"no logger":      func(c *Config) { c.Logger = nil },
		"too seldom":     func(c *Config) { c.Interval = 2 * time.Second },
		"never":          func(c *Config) { c.Interval = -1 },
		"no patience":    func(c *Config) { c.Patience = -1 },
		"nameless":       func(c *Config) { c.Witnesses = []Witness{{"", "http://127.0.0.1"}} },
		"a path":         func(c *Config) { c.Witnesses = []Witness{{"w1", "/etc/passwd"}} },
		"another scheme": func(c *Config) { c.Witnesses = []Witness{{"w1", "ftp://127.0.0.1"}} },
		"a query":        func(c *Config) { c.Witnesses = []Witness{{"w1", "http://127.0.0.1/?x=1"}} },
		"the same twice": func(c *Config) { c.Witnesses = []Witness{{"w1", "http://127.0.0.1"}, {"w1", "http://127.0.0.2"}} },
		"an odd URL":     func(c *Config) { c.Witnesses = []Witness{{"w1", "http://[::1"}} },
	} {
		c := whole
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// checkFork checks what a finding says.
func (w *world) checkFork(f *pb.Finding, position uint64, last lineage.Checkpoint) {
	w.t.Helper()
	if f.GetRule() != schemas.DriftCheckpointFork || f.GetLevel() != pb.Level_LEVEL_TRIP || f.GetSubject() != strconv.FormatUint(position, 10) || f.GetSince() == nil {
		w.t.Errorf("it finds %v, want the position %d", f, position)
	}
	for _, part := range []string{strconv.FormatUint(last.Size, 10), last.Root.String(), "portcullis loss"} {
		if !strings.Contains(f.GetDetail(), part) {
			w.t.Errorf("%q does not say %s", f.GetDetail(), part)
		}
	}
}

// noSigning looks for a while whether a recorder that found a fork signs.
func (w *world) noSigning(r *running, before lineage.Signed) {
	w.t.Helper()
	last := w.last()
	r.eventually("the ledger is read", func() bool { return r.Status().Position == last && len(r.Status().Findings) > 0 })
	time.Sleep(50 * time.Millisecond)
	note, err := os.ReadFile(filepath.Join(tiles.TreeDir(w.dir), "checkpoint"))
	must(w.t, err)
	if string(note) != string(before.Note) || r.Status().Signed > 0 {
		w.t.Errorf("it signed %q", note)
	}
}
