//go:build faults

package disk_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portcullis-dev/portcullis/loadtest/faults/single/disk"
)

func TestMain(m *testing.M) {
	disk.Child()
	if err := disk.Isolate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const size = 32 << 20

// TestPowerLoss is the method's own test: what was synced is there afterwards,
// whatever else survives, and what was not is not.
func TestPowerLoss(t *testing.T) {
	for _, test := range []struct {
		name    string
		survive int
	}{{"the cache is gone", 0}, {"half of its sectors survive", 500}} {
		t.Run(test.name, func(t *testing.T) {
			d := on(t)
			synced, not := bytes.Repeat([]byte("synced. "), 10_000), bytes.Repeat([]byte("not synced. "), 10_000)
			for i := range 20 {
				write(t, file(d, "synced", i), synced, true)
			}
			write(t, file(d, "appended", 0), synced, true)
			for i := range 20 {
				write(t, file(d, "not", i), not, false)
				writeBack(t, file(d, "not", i)) // into the disk's cache; a later sync of anything would flush it
			}
			appended := append(bytes.Clone(synced), "tail"...)
			write(t, file(d, "appended", 0), appended, false)
			done, err := d.Cut(0, test.survive, 7)
			must(t, err)
			if done.Cached == 0 || done.Lost == 0 || test.survive > 0 && done.Lost == done.Cached {
				t.Errorf("nothing was at stake: %+v", done)
			}
			if err := os.WriteFile(filepath.Join(d.Dir(), "later"), nil, 0o600); err == nil && syncs(filepath.Join(d.Dir(), "later")) {
				t.Error("something was synced after the cut")
			}
			must(t, d.Off(t.Context()))
			must(t, d.On(t.Context()))
			for i := range 20 {
				if got, err := os.ReadFile(file(d, "synced", i)); err != nil || !bytes.Equal(got, synced) {
					t.Errorf("synced file %d: %d bytes, %v", i, len(got), err)
				}
				if got, err := os.ReadFile(file(d, "not", i)); test.survive == 0 && err == nil && len(got) > 0 {
					t.Errorf("a file that was not synced has %d bytes", len(got))
				}
			}
			if got, err := os.ReadFile(file(d, "appended", 0)); err != nil || !bytes.HasPrefix(got, synced) {
				t.Errorf("of a file that was synced and appended to there are %d bytes, %v", len(got), err)
			}
			if _, err := os.Stat(filepath.Join(d.Dir(), "later")); err == nil {
				t.Error("what was made after the cut is there")
			}
		})
	}
}

// TestOff: without a power loss nothing is lost.
func TestOff(t *testing.T) {
	d := on(t)
	write(t, file(d, "not", 0), []byte("not synced"), false)
	must(t, d.Off(t.Context()))
	must(t, d.On(t.Context()))
	if got, err := os.ReadFile(file(d, "not", 0)); err != nil || string(got) != "not synced" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestFail: a drive that fails can be read, and nothing more can be synced.
func TestFail(t *testing.T) {
	d := on(t)
	write(t, file(d, "synced", 0), []byte("synced"), true)
	must(t, d.Fail())
	if syncs(file(d, "synced", 0)) {
		t.Error("something was synced on a drive that fails")
	}
	if got, err := os.ReadFile(file(d, "synced", 0)); err != nil || !bytes.HasPrefix(got, []byte("synced")) {
		t.Errorf("%q, %v", got, err)
	}
	must(t, d.Off(t.Context()))
	must(t, d.On(t.Context()))
	write(t, file(d, "synced", 1), []byte("again"), true)
}

func on(t *testing.T) *disk.Disk {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mounted")
	must(t, os.Mkdir(dir, 0o700))
	d, err := disk.Make(t.Context(), dir, filepath.Join(t.TempDir(), "image"), size)
	must(t, err)
	must(t, d.On(t.Context()))
	t.Cleanup(func() { must(t, d.Off(context.WithoutCancel(t.Context()))) })
	return d
}

func file(d *disk.Disk, name string, i int) string {
	return filepath.Join(d.Dir(), fmt.Sprintf("%s-%d", name, i))
}

func write(t *testing.T, path string, data []byte, synced bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = f.Write(data)
	must(t, err)
	if synced {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

// writeBack hands a file's pages to the disk, which is no flush.
func writeBack(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	must(t, unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER))
}

// syncs appends to a file and says whether the disk took it.
func syncs(path string) bool {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if _, err := f.WriteString("more"); err != nil {
		return false
	}
	return f.Sync() == nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
