package evidence_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
)

// archived is an archive of a world, made in several runs.
func archived(t *testing.T, w *world, root string) *evidence.Archive {
	t.Helper()
	w.acts(3, 2)
	a, err := evidence.CreateArchive(root, w.header())
	must(t, err)
	_, err = a.Append(framesOf(w.frames), 8)
	must(t, err)
	must(t, a.SetCheckpoint(w.sign()))
	return a
}

func auditOf(t *testing.T, s evidence.Source, anchor trust.Digest) *audit.Report {
	t.Helper()
	report, err := evidence.Audit(t.Context(), s, evidence.AuditConfig{Anchor: anchor})
	must(t, err)
	return report
}

// TestArchive: runs add segments and change none, and the whole is audited as one
// ledger.
func TestArchive(t *testing.T) {
	w, root := newWorld(t), t.TempDir()
	archived(t, w, root)
	before := filesOf(t, root)
	n := len(w.frames)
	w.acts(1, 1).checkpoint()
	a, err := evidence.CreateArchive(root, w.header())
	must(t, err)
	if last, err := a.LastRecord(); err != nil || last.Seq != uint64(n) || !bytes.Equal(last.Data, w.frames[n-1].Raw.Data) {
		t.Errorf("last record %d, %v", last.Seq, err)
	}
	added, err := a.Append(framesOf(w.frames[n:]), 8)
	must(t, err)
	must(t, a.SetCheckpoint(w.frames[len(w.frames)-1].Note))
	if len(added) != 1 || added[0].First != uint64(n)+1 || a.Last() != w.size() || len(a.Segments()) != 4 {
		t.Errorf("added %+v to %d segments, last %d", added, len(a.Segments()), a.Last())
	}
	for name, data := range before {
		if now, err := os.ReadFile(name); strings.HasSuffix(name, ".pcx") && (err != nil || !bytes.Equal(now, data)) {
			t.Errorf("%s was changed", name)
		}
	}
	if added, err = a.Append(framesOf(nil), 8); err != nil || len(added) != 0 {
		t.Errorf("nothing new: %v, %v", added, err)
	}
	for _, dir := range []string{root, a.Dir()} {
		again, err := evidence.OpenArchive(dir)
		must(t, err)
		frames, err := read(again)
		must(t, err)
		if !sameFrames(frames, w.frames) || again.Header().Ledger != w.zone.Ledger {
			t.Errorf("%d frames of %d", len(frames), len(w.frames))
		}
		if report := auditOf(t, again, w.zone.Ledger); !report.Clean() || !report.Whole || report.Tree.Covered != w.size() || len(report.Tree.Checkpoints) != 1 {
			t.Errorf("%+v", report)
		}
	}
}

func filesOf(t *testing.T, root string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	must(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			all[name], err = os.ReadFile(name)
		}
		return err
	}))
	return all
}

// contents are those of a manifest that somebody edits.
type contents struct {
	Format      string                     `json:"format"`
	Ledger      string                     `json:"ledger"`
	TrustDomain string                     `json:"trust_domain"`
	Zone        string                     `json:"zone"`
	Segments    []evidence.ArchivedSegment `json:"segments"`
	Checkpoint  json.RawMessage            `json:"checkpoint"`
	More        int                        `json:"more,omitempty"`
}

// TestArchiveTampering: each file altered, cut, exchanged or gone is a finding, and
// so is an end that is missing from all of them.
func TestArchiveTampering(t *testing.T) {
	segment := func(dir string, i int) string {
		names, err := filepath.Glob(filepath.Join(dir, "segments", "*.pcx"))
		if err != nil || len(names) != 3 {
			t.Fatalf("%v, %v", names, err)
		}
		return names[i]
	}
	edit := func(path string, change func([]byte) []byte) {
		data, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, change(data), 0o600))
	}
	manifest := func(dir string, change func(m *contents)) {
		edit(filepath.Join(dir, "manifest.json"), func(data []byte) []byte {
			m := new(contents)
			must(t, json.Unmarshal(data, m))
			change(m)
			data, err := json.Marshal(m)
			must(t, err)
			return data
		})
	}
	for name, tt := range map[string]struct {
		tamper func(dir string)
		want   audit.Rule
	}{
		"altered":    {func(dir string) { edit(segment(dir, 1), func(b []byte) []byte { b[300] ^= 1; return b }) }, audit.RuleExport},
		"cut":        {func(dir string) { edit(segment(dir, 1), func(b []byte) []byte { return b[:len(b)-1] }) }, audit.RuleExport},
		"gone":       {func(dir string) { must(t, os.Remove(segment(dir, 1))) }, audit.RuleExport},
		"exchanged":  {func(dir string) { must(t, os.Rename(segment(dir, 1), segment(dir, 2))) }, audit.RuleExport},
		"checkpoint": {func(dir string) { edit(filepath.Join(dir, "checkpoint"), func(b []byte) []byte { return b[:20] }) }, audit.RuleExport},
		"another checkpoint": {func(dir string) {
			edit(filepath.Join(dir, "checkpoint"), func(b []byte) []byte {
				i := bytes.LastIndexByte(b[:len(b)-10], '\n') // in a signature
				b[i+20+len("example.test/z1/")+64] ^= 3
				return b
			})
		}, audit.RuleCheckpoint},
		"no checkpoint": {func(dir string) { must(t, os.Remove(filepath.Join(dir, "checkpoint"))) }, audit.RuleExport},
		"the end taken away": {func(dir string) {
			manifest(dir, func(m *contents) { m.Segments = m.Segments[:2] })
		}, audit.RuleCheckpoint},
		"other sums": {func(dir string) {
			manifest(dir, func(m *contents) { m.Segments[2].SHA256 = strings.Repeat("0", 64) })
		}, audit.RuleExport},
	} {
		t.Run(name, func(t *testing.T) {
			w, root := newWorld(t), t.TempDir()
			a := archived(t, w, root)
			tt.tamper(a.Dir())
			again, err := evidence.OpenArchive(root)
			must(t, err)
			if report := auditOf(t, again, w.zone.Ledger); !slices.Contains(rules(report), tt.want) {
				t.Errorf("found %v, want %s", report.Findings, tt.want)
			}
		})
	}
	for name, change := range map[string]func(m *contents){
		"another format":        func(m *contents) { m.Format = "other" },
		"an unknown field":      func(m *contents) { m.More = 1 },
		"no ledger":             func(m *contents) { m.Ledger = "x" },
		"the first is gone":     func(m *contents) { m.Segments = m.Segments[1:] },
		"a path out of it":      func(m *contents) { m.Segments[0].Name = "../../x" },
		"backwards":             func(m *contents) { m.Segments[1].Last = 1 },
		"a digest that is none": func(m *contents) { m.Segments[1].SHA256 = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			w, root := newWorld(t), t.TempDir()
			manifest(archived(t, w, root).Dir(), change)
			if _, err := evidence.OpenArchive(root); !errors.Is(err, evidence.ErrBroken) {
				t.Errorf("opened: %v", err)
			}
			if _, err := evidence.CreateArchive(root, w.header()); !errors.Is(err, evidence.ErrBroken) {
				t.Errorf("continued: %v", err)
			}
		})
	}
}

func TestArchiveRefuses(t *testing.T) {
	w, root := newWorld(t), t.TempDir()
	if _, err := evidence.OpenArchive(root); !errors.Is(err, evidence.ErrNoArchive) {
		t.Errorf("an empty folder: %v", err)
	}
	h := w.header()
	h.TrustDomain = "../up"
	if _, err := evidence.CreateArchive(root, h); err == nil {
		t.Error("a trust domain led out of the folder")
	}
	a, err := evidence.CreateArchive(root, w.header())
	must(t, err)
	if _, err := a.LastRecord(); !errors.Is(err, evidence.ErrNoArchive) {
		t.Errorf("the last record of nothing: %v", err)
	}
	for name, frames := range map[string][]evidence.Frame{
		"a later beginning": w.frames[1:], "a hole": slices.Delete(slices.Clone(w.frames), 2, 3), "a checkpoint alone": {{Kind: evidence.FrameCheckpoint, Note: w.sign()}},
	} {
		if _, err := a.Append(framesOf(frames), 100); err == nil || a.Last() != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.Append(framesOf(w.frames), 0); err == nil {
		t.Error("segments of nothing")
	}
	trouble := errors.New("trouble")
	added, err := a.Append(func(yield func(evidence.Frame, error) bool) {
		_ = yield(w.frames[0], nil) && yield(w.frames[1], nil) && yield(w.frames[2], nil) && yield(evidence.Frame{}, trouble)
	}, 2)
	if !errors.Is(err, trouble) || len(added) != 1 || a.Last() != 2 {
		t.Errorf("%v, added %v", err, added)
	}
	if err := a.SetCheckpoint([]byte("rumour")); err == nil {
		t.Error("a rumour was taken for a checkpoint")
	}
}

// TestArchiveAfterACrash: a segment that no manifest names yet is adopted if it is
// the same, and never written over if it is not.
func TestArchiveAfterACrash(t *testing.T) {
	w, root := newWorld(t), t.TempDir()
	a := archived(t, w, root)
	must(t, os.Remove(filepath.Join(a.Dir(), "manifest.json")))
	again, err := evidence.CreateArchive(root, w.header())
	must(t, err)
	if _, err := again.Append(framesOf(w.frames), 8); err != nil || again.Last() != w.size() {
		t.Errorf("the same: %v", err)
	}
	must(t, os.Remove(filepath.Join(a.Dir(), "manifest.json")))
	first := filepath.Join(a.Dir(), filepath.FromSlash(a.Segments()[0].Name))
	must(t, os.WriteFile(first, []byte("other"), 0o600))
	again, err = evidence.CreateArchive(root, w.header())
	must(t, err)
	if _, err := again.Append(framesOf(w.frames), 8); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another: %v", err)
	}
	if data, err := os.ReadFile(first); err != nil || string(data) != "other" {
		t.Errorf("it was written over: %v", err)
	}
}

// TestArchiveKeepsTheNewestCheckpoint: an older one does not replace it.
func TestArchiveKeepsTheNewestCheckpoint(t *testing.T) {
	w, root := newWorld(t), t.TempDir()
	old := w.sign()
	a := archived(t, w, root)
	want, err := os.ReadFile(filepath.Join(a.Dir(), "checkpoint"))
	must(t, err)
	must(t, a.SetCheckpoint(old))
	if now, err := os.ReadFile(filepath.Join(a.Dir(), "checkpoint")); err != nil || !bytes.Equal(now, want) {
		t.Errorf("replaced: %v", err)
	}
}
