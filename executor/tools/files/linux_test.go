package files_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/portcullis-dev/portcullis/executor/tools/files"
)

// asNobody runs act without the superuser's powers over files, on a thread of
// its own that ends with act.
func asNobody(t *testing.T, act func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread is not used again
		if os.Geteuid() == 0 {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
				t.Error(errno)
				return
			}
		}
		act()
	}()
	<-done
}

// TestReadOnlyDirectory: what may be read is read, nothing is written, and the
// refusal is plain.
func TestReadOnlyDirectory(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "a", "old")
	if err := errors.Join(os.Chmod(filepath.Join(root, "a"), 0o644), os.Chmod(root, 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(root, 0o700) })
	asNobody(t, func() {
		if got, err := read(t, tool, "a"); err != nil || *got.Content != "old" {
			t.Errorf("%+v, %v", got, err)
		}
		for _, path := range []string{"a", "b"} {
			if _, err := write(t.Context(), t, tool, path, "new", "", 1); !errors.Is(err, os.ErrPermission) {
				t.Errorf("writing %s: %v", path, err)
			}
		}
	})
	wantFile(t, filepath.Join(root, "a"), "old")
	wantOnly(t, root, "a")
}

// TestReadOnlySubdirectory: the root keeps its state, the target's directory
// refuses the staging file.
func TestReadOnlySubdirectory(t *testing.T) {
	tool, root := setup(t)
	mkdir(t, root, "sub")
	put(t, root, "sub/a", "old")
	if err := errors.Join(os.Chmod(root, 0o777), os.Chmod(filepath.Join(root, "sub/a"), 0o644), os.Chmod(filepath.Join(root, "sub"), 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(root, "sub"), 0o700) })
	asNobody(t, func() {
		_, err := write(t.Context(), t, tool, "sub/a", "new", "", 1)
		if !errors.Is(err, os.ErrPermission) || errors.Is(err, files.ErrUncertain) {
			t.Errorf("got %v", err)
		}
	})
	wantFile(t, filepath.Join(root, "sub/a"), "old")
	wantClean(t, root)
}
