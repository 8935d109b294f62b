package fabric_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/fabric"
)

func TestMark(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "x1.mark")
	m, err := fabric.OpenMark(path)
	if err != nil {
		t.Fatal(err)
	}
	if seq, err := m.Load(); seq != 0 || err != nil {
		t.Errorf("before the first store: %d, %v", seq, err)
	}
	for _, want := range []uint64{1, 500, 7, 0, math.MaxUint64} {
		if err := m.Store(want); err != nil {
			t.Fatal(err)
		}
		again, err := fabric.OpenMark(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Load(); got != want || err != nil {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	if err := m.Store(4711); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		broken := append([]byte(nil), whole...)
		broken[i] ^= 1
		put(t, dir, "x1.mark", string(broken))
		if seq, err := m.Load(); seq != 0 || !errors.Is(err, fabric.ErrMark) {
			t.Errorf("byte %d flipped: %d, %v", i, seq, err)
		}
		put(t, dir, "x1.mark", string(whole[:i]))
		if seq, err := m.Load(); seq != 0 || !errors.Is(err, fabric.ErrMark) {
			t.Errorf("cut at %d: %d, %v", i, seq, err)
		}
	}
	put(t, dir, "x1.mark", string(whole))
	chmod(t, path, 0o666)
	if seq, err := m.Load(); seq != 0 || !errors.Is(err, fabric.ErrExposed) {
		t.Errorf("a mark that others may write: %d, %v", seq, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := m.Store(1); err == nil {
		t.Error("stored in no folder")
	}
}
