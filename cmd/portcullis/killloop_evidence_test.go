package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	coreaudit "github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/streams"
)

// logKeys are those by which the ledger's checkpoints are checked.
func (l *killLoop) logKeys() *lineage.Keys {
	l.t.Helper()
	state, err := l.fabric.State()
	must(l.t, err)
	keys, err := state.LogKeys()
	must(l.t, err)
	return keys
}

// checkDisk checks the tree of a recorder that does not run: its tiles give the
// root that its own checkpoint names, which never covers less than before. A
// recorder that signed nothing yet has the zero value.
func (l *killLoop) checkDisk() (held lineage.Signed) {
	l.t.Helper()
	folder, err := tiles.Lock(l.recorded)
	must(l.t, err)
	defer func() { must(l.t, folder.Close()) }()
	tree, err := folder.Open() // compares tiles with the checkpoint
	must(l.t, err)
	if tree.Note() != nil {
		held, err = l.logKeys().Open(tree.Note())
		must(l.t, err)
	}
	if held.Size < l.held {
		l.t.Errorf("the recorder's tree covers %d records, and covered %d before", held.Size, l.held)
	}
	l.held = held.Size
	return held
}

// checkEvidence checks what the recorder made of the whole ledger: an audit of it
// finds nothing, its checkpoints never went back, and its tree is to the byte the
// one that the ledger gives now. It ends the recorder.
func (l *killLoop) checkEvidence() {
	l.t.Helper()
	l.checkAudit()
	l.awaitRecorded()
	l.parts["recorder"].Kill()
	l.checkTree()
}

// checkAudit exports the whole ledger and audits it.
func (l *killLoop) checkAudit() {
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), "ledger.pcx")
	if out, stderr, exit := cli(l.t, "--data", l.fabric.Dir, "--server", l.broker.URL, "export", "-o", file); exit != exitDone {
		l.t.Fatalf("export: exit %d: %s%s", exit, out, stderr)
	}
	out, stderr, exit := cli(l.t, "--json", "audit", file, "--anchor", l.fabric.Ledger.String())
	if exit != exitDone {
		l.t.Fatalf("audit: exit %d: %s%s", exit, out, stderr)
	}
	var report coreaudit.Report
	must(l.t, json.Unmarshal([]byte(out), &report))
	if !report.Whole || !report.Clean() || len(report.Tree.Checkpoints) == 0 || report.Verdicts == 0 {
		l.t.Errorf("the audit proves little: %s", out)
	}
	l.t.Logf("audited: %d records, %d verdicts, final states %v, %d open", report.Last, report.Verdicts, report.Final, report.Open)
}

// awaitRecorded waits until the recorder has signed for what the ledger holds now.
func (l *killLoop) awaitRecorded() {
	l.t.Helper()
	last, err := l.reader.Last(l.t.Context())
	must(l.t, err)
	path := filepath.Join(tiles.TreeDir(l.recorded), "checkpoint")
	for deadline := time.Now().Add(killLoopPatience); ; time.Sleep(50 * time.Millisecond) {
		note, err := os.ReadFile(path) // replaced as a whole
		if err == nil {
			c, err := tiles.TextOf(note)
			must(l.t, err)
			if c.Size >= last {
				return
			}
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("the recorder did not sign for %d records: %v", last, err)
		}
	}
}

// checkTree holds the tree of a recorder that does not run, and all that was
// published, against the ledger.
func (l *killLoop) checkTree() {
	l.t.Helper()
	held := l.checkDisk()
	roots := l.published(held.Size)
	note, err := os.ReadFile(filepath.Join(tiles.TreeDir(l.recorded), "checkpoint"))
	must(l.t, err)
	dir := filepath.Join(l.t.TempDir(), "rebuilt")
	l.rebuild(dir, held, note, roots)
	files := 0
	must(l.t, filepath.WalkDir(tiles.TreeDir(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(tiles.TreeDir(dir), path)
		must(l.t, err)
		want, err := os.ReadFile(path)
		must(l.t, err)
		got, err := os.ReadFile(filepath.Join(tiles.TreeDir(l.recorded), name))
		if err != nil || !bytes.Equal(got, want) {
			l.t.Errorf("%s on the recorder's disk is not what the ledger gives: %v", name, err)
		}
		files++
		return nil
	}))
	l.t.Logf("recorded: a tree of %d in %d files, %d published sizes", held.Size, files, len(roots))
}

// published checks the checkpoints that were published: all are the recorder's,
// none covers less than the one before it, and none more than is on its disk. It
// returns their roots by size.
func (l *killLoop) published(onDisk uint64) map[uint64]lineage.Hash {
	l.t.Helper()
	keys, roots, newest := l.logKeys(), map[uint64]lineage.Hash{}, uint64(0)
	_, err := streams.Read(l.t.Context(), l.reader, streams.ReadConfig{Stream: streams.Checkpoints}, func(raw streams.Raw) error {
		c, err := keys.Open(raw.Data)
		must(l.t, err)
		if before, twice := roots[c.Size]; twice && before != c.Root {
			l.t.Errorf("two roots were published for %d records: a fork", c.Size)
		}
		if c.Size < newest || c.Size > onDisk {
			l.t.Errorf("a checkpoint of %d was published, after one of %d and with %d on disk", c.Size, newest, onDisk)
		}
		newest, roots[c.Size] = c.Size, c.Root
		return nil
	})
	must(l.t, err)
	if len(roots) == 0 {
		l.t.Error("no checkpoint was published")
	}
	return roots
}

// rebuild makes the tree that a checkpoint covers from the ledger alone, and
// compares its roots on the way.
func (l *killLoop) rebuild(dir string, held lineage.Signed, note []byte, roots map[uint64]lineage.Hash) {
	l.t.Helper()
	folder, err := tiles.Lock(dir)
	must(l.t, err)
	defer func() { must(l.t, folder.Close()) }()
	tree, err := folder.Open()
	must(l.t, err)
	var now time.Time
	_, err = streams.Read(l.t.Context(), l.reader, streams.ReadConfig{To: held.Size}, func(raw streams.Raw) error {
		if raw.Time.After(now) {
			now = raw.Time
		}
		entry := lineage.Entry{Seq: raw.Seq, Time: raw.Time, LogTime: now, Subject: raw.Subject, Data: trust.DigestOf(raw.Data)}
		must(l.t, tree.Append(entry.Bytes()))
		if root, signed := roots[tree.Size()]; signed && root != tree.Root() {
			l.t.Errorf("the checkpoint of %d that was published is not of this ledger", tree.Size())
		}
		return nil
	})
	must(l.t, err)
	if tree.Size() != held.Size || tree.Root() != held.Root {
		l.t.Fatalf("the ledger gives %v of %d, the recorder signed %v of %d", tree.Root(), tree.Size(), held.Root, held.Size)
	}
	must(l.t, tree.Commit())
	must(l.t, tree.SetCheckpoint(note))
}
