package profile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/portcullis-dev/portcullis/loadtest/profile"
)

func TestAFolderGetsAllOfIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	p, err := profile.Start(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := profile.Start(""); err == nil {
		_, _ = again.Stop()
		t.Error("two profiles at once")
	}
	if err := p.Trace(); err != nil {
		t.Fatal(err)
	}
	first, err := os.Stat(filepath.Join(dir, "trace.out"))
	if err != nil {
		t.Fatal(err)
	}
	cpu, err := p.Stop()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cpu.pprof", "heap.pprof", "trace.out"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if last, err := os.Stat(filepath.Join(dir, "trace.out")); err != nil || !last.ModTime().Equal(first.ModTime()) {
		t.Error("the first trace was replaced")
	}
	if _, err := profile.ByClass(cpu, func(map[string][]string, []string) string { return "x" }); err != nil {
		t.Error(err)
	}
}

func TestWithoutAFolderNothingIsKept(t *testing.T) {
	t.Chdir(t.TempDir())
	p, err := profile.Start("")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Trace(); err != nil {
		t.Error(err)
	}
	if cpu, err := p.Stop(); err != nil || len(cpu) == 0 {
		t.Errorf("%d bytes, %v", len(cpu), err)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Start(filepath.Join(file, "under"))
	if _, is := errors.AsType[*fs.PathError](err); !is {
		t.Errorf("%v, %v", p, err)
	}
}

func TestWhatIsNoProfileIsRefused(t *testing.T) {
	if spent, err := profile.ByClass([]byte("no profile"), nil); err == nil {
		t.Errorf("got %v", spent)
	}
}
