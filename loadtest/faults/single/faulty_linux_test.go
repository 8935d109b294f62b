//go:build faults

package single_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFaultyDisk: the disk of a whole zone fails under load, in the middle of lists. Nothing is acknowledged and nothing is done
// on it; when it is mended every acknowledged record is there, and the zone goes on.
func TestFaultyDisk(t *testing.T) {
	for _, test := range []struct {
		name    string
		inflict func(*host)
		mend    func(*host)
	}{
		{"full", (*host).fill, (*host).free},
		{"a drive that fails, and a file system that turns itself read-only", func(h *host) { must(h.t, h.disk.Fail()) }, (*host).replug},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := everythingOn(t, syncAlways)
			h.start(everything...)
			h.connect()
			stop := h.load()
			h.awaitProgress()
			test.inflict(h)
			h.eventually("the broker says that its store failed", func() bool {
				return !h.running("server") || strings.Contains(h.site.parts["server"].text(), "mend the disk, then start the server again")
			})
			effects, acknowledged := h.outside.count(), len(h.facts().acked)
			time.Sleep(standstill) // the experiment: agents ask all the while
			if n := h.outside.count() - effects; n != 0 {
				t.Errorf("%d effects on a broken store", n)
			}
			if n := len(h.facts().acked) - acknowledged; n != 0 {
				t.Errorf("%d records acknowledged on a broken store", n)
			}
			h.site.kill(everything...)
			test.mend(h)
			h.start(everything...)
			h.awaitProgress()
			stop()
			a := h.complete(0)
			report.row(t, "disk "+test.name, fmt.Sprintf("nothing acknowledged, nothing done; mended, 0 of %d records lost, %d effects, each once and claimed", a.last, h.outside.count()))
		})
	}
}

func (h *host) ballast() string { return filepath.Join(h.disk.Dir(), "ballast") }

// fill takes up all the room that is left.
func (h *host) fill() {
	h.t.Helper()
	f, err := os.Create(h.ballast())
	must(h.t, err)
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		h.t.Fatalf("filling the disk ended with %v", err)
	}
	must(h.t, f.Close())
}

func (h *host) free() {
	h.t.Helper()
	must(h.t, os.Remove(h.ballast()))
}

// replug mounts the disk again, as after a repair that lost nothing.
func (h *host) replug() {
	h.t.Helper()
	must(h.t, h.disk.Off(h.t.Context()))
	must(h.t, h.disk.On(h.t.Context()))
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
