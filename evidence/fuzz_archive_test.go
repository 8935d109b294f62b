package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/evidence"
)

// FuzzManifest: whatever a manifest says, an archive reads nothing outside of its
// own folder, and what it reads without an error is the archived ledger, each record
// at its position.
func FuzzManifest(f *testing.F) {
	w, root := newWorld(f).acts(2, 1), f.TempDir()
	a, err := evidence.CreateArchive(root, w.header())
	must(f, err)
	_, err = a.Append(framesOf(w.frames), 6)
	must(f, err)
	path := filepath.Join(a.Dir(), "manifest.json")
	honest, err := os.ReadFile(path)
	must(f, err)
	for _, edit := range [][2]string{
		{"", ""},
		{`"segments/`, `"../segments/`},
		{`"first": 1,`, `"first": 2,`},
		{`"bytes": `, `"bytes": -`},
		{`"format": "portcullis archive 1"`, `"format": "portcullis archive 2"`},
		{`"zone"`, `"Zone"`},
		{"{", "{}{"},
		{`"sha256": "`, `"sha256": "0`},
		{"\n}", "\n}x"},
	} {
		f.Add([]byte(strings.Replace(string(honest), edit[0], edit[1], 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		must(t, os.WriteFile(path, data, 0o600))
		a, err := evidence.OpenArchive(a.Dir())
		if err != nil {
			return
		}
		for _, s := range a.Segments() {
			if !filepath.IsLocal(s.Name) || strings.Contains(s.Name, "..") {
				t.Fatalf("the segment %q is not in the archive", s.Name)
			}
		}
		frames, err := read(a)
		if err != nil {
			return
		}
		if !sameFrames(frames, w.frames[:len(frames)]) {
			t.Fatal("it holds other records than were archived")
		}
	})
}

// FuzzReadCheckpoint: what is read of a signed note is a checkpoint in its one
// spelling, at the note's beginning.
func FuzzReadCheckpoint(f *testing.F) {
	signed := newWorld(f).acts(1, 1).sign()
	for _, data := range [][]byte{signed, signed[:len(signed)-1], append([]byte("x"), signed...), []byte(strings.SplitAfter(string(signed), "\n\n")[0]), append(append([]byte(nil), signed...), signed...)} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := evidence.ReadCheckpoint(data)
		if err == nil && !strings.HasPrefix(string(data), c.String()+"\n") {
			t.Fatalf("%q is read as %q", data, c)
		}
	})
}
