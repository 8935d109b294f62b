//go:build unix

package evidence_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/portcullis-dev/portcullis/evidence"
)

// piped is a named pipe to which somebody writes data, once.
func piped(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	written := make(chan error, 1)
	go func() {
		to, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = to.Write(data)
			err = errors.Join(err, to.Close())
		}
		written <- err
	}()
	t.Cleanup(func() { must(t, <-written) })
	return path
}

// TestOpenPipe: an export out of a pipe is read once, from its beginning on, and
// an audit of it finds what one of a file does.
func TestOpenPipe(t *testing.T) {
	w := newWorld(t).acts(2, 2).checkpoint()
	data := w.export()
	kept, err := evidence.Open(piped(t, data))
	must(t, err)
	if kept.Repeats() || kept.Size() != 0 || kept.Header() != w.header() {
		t.Errorf("it repeats: %v, %d bytes, %+v", kept.Repeats(), kept.Size(), kept.Header())
	}
	if frames, err := read(kept); err != nil || !sameFrames(frames, w.frames) {
		t.Errorf("%d of %d frames: %v", len(frames), len(w.frames), err)
	}
	if frames, err := read(kept); !errors.Is(err, os.ErrClosed) || len(frames) > 0 {
		t.Errorf("read again: %d frames, %v", len(frames), err)
	}
	kept, err = evidence.Open(piped(t, data))
	must(t, err)
	report, err := evidence.Audit(t.Context(), kept, evidence.AuditConfig{Anchor: w.zone.Ledger})
	must(t, err)
	if !report.Clean() || !report.Whole {
		t.Errorf("%+v", report)
	}
	kept, err = evidence.Open(piped(t, data[:len(data)-1]))
	must(t, err)
	if _, err := read(kept); !errors.Is(err, evidence.ErrBroken) {
		t.Errorf("cut off: %v", err)
	}
	if kept, err := evidence.Open(piped(t, []byte("rumour"))); !errors.Is(err, evidence.ErrBroken) || kept != nil {
		t.Errorf("no export: %v", err)
	}
}
