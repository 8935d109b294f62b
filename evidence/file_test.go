package evidence_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
)

// TestFile reads an export again and again, and not another one in its place.
func TestFile(t *testing.T) {
	w := newWorld(t).acts(2, 2).checkpoint()
	data := w.export()
	path := filepath.Join(t.TempDir(), "ledger.pcx")
	must(t, os.WriteFile(path, data, 0o600))
	f, err := evidence.OpenFile(path)
	must(t, err)
	if f.Header() != w.header() || f.Size() != int64(len(data)) || !f.Repeats() {
		t.Errorf("%+v, %d bytes", f.Header(), f.Size())
	}
	for range 2 {
		if frames, err := read(f); err != nil || !sameFrames(frames, w.frames) {
			t.Errorf("%d of %d frames: %v", len(frames), len(w.frames), err)
		}
	}
	for frame, err := range f.Frames() { // a reader that has enough
		must(t, err)
		if frame.Kind == evidence.FrameRecord {
			break
		}
	}
	other := w.header()
	other.Ledger = trust.DigestOf(nil)
	must(t, os.WriteFile(path, written(t, other, w.frames), 0o600))
	if frames, err := read(f); !errors.Is(err, evidence.ErrBroken) || len(frames) > 0 {
		t.Errorf("another export: %d frames, %v", len(frames), err)
	}
	must(t, os.WriteFile(path, data[:len(data)-1], 0o600))
	if _, err := read(f); !errors.Is(err, evidence.ErrBroken) {
		t.Errorf("cut off: %v", err)
	}
	must(t, os.Remove(path))
	if _, err := read(f); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
}

func TestOpen(t *testing.T) {
	w := newWorld(t).acts(2, 2)
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.pcx")
	must(t, os.WriteFile(path, w.export(), 0o600))
	a, err := evidence.CreateArchive(filepath.Join(dir, "archives"), w.header())
	must(t, err)
	_, err = a.Append(framesOf(w.frames), 7)
	must(t, err)
	for _, at := range []string{path, filepath.Join(dir, "archives"), a.Dir()} {
		kept, err := evidence.Open(at)
		must(t, err)
		if frames, err := read(kept); err != nil || !sameFrames(frames, w.frames) || kept.Size() == 0 || kept.Header().Ledger != w.zone.Ledger {
			t.Errorf("%s: %d frames, %d bytes, %v", at, len(frames), kept.Size(), err)
		}
	}
	must(t, os.WriteFile(path, []byte("rumour"), 0o600))
	for at, want := range map[string]error{path: evidence.ErrBroken, t.TempDir(): evidence.ErrNoArchive, filepath.Join(dir, "none"): fs.ErrNotExist} {
		if kept, err := evidence.Open(at); !errors.Is(err, want) || kept != nil {
			t.Errorf("%s: %v, want %v", at, err, want)
		}
	}
}
