package files_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/portcullis-dev/portcullis/executor/tools/files"
)

// refusedPaths have a resource that equals them, and still name nothing.
var refusedPaths = []string{
	"", "/", "/etc/passwd", "//etc/passwd", ".", "..", "./a", "../a", "a/..", "a/../b", "a/./b", "a//b", "a/", "a/b/", "dir/../../secret",
	"a\x00", "a\x00.txt", "a\nb", "a\x7fb", "a\u0085b", "a\u202eb", "a\u200bb", "a\u00a0b", `a\b`, `..\a`, `C:\a`, "C:/a", "file:stream",
	".portcullis", ".portcullis/lock", ".Portcullis/lock", ".PORTCULLIS", ".portcullis-x", "a/.portcullis/b", "a\xff", "a\u2028b",
	strings.Repeat("a", 256), strings.Repeat("a/", 1024) + "a", strings.Repeat("a/", 64) + "a",
}

func TestPathsThatAreRefused(t *testing.T) {
	tool, root := setup(t)
	mkdir(t, root, "a")
	mkdir(t, root, "dir")
	for _, path := range refusedPaths {
		if _, err := read(t, tool, path); !errors.Is(err, files.ErrRefused) {
			t.Errorf("read %.60q: %v", path, err)
		}
		for _, mode := range []string{"create", "replace", "append"} {
			if _, err := write(t.Context(), t, tool, path, "x", mode, 1); !errors.Is(err, files.ErrRefused) {
				t.Errorf("%s %.60q: %v", mode, path, err)
			}
		}
	}
	wantOnly(t, filepath.Dir(root), filepath.Base(root))
}

// wantOnly checks that dir holds nothing but name.
func wantOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestNoLinkIsFollowed plants every kind of link and other odd thing, at the end
// and in the middle, and checks that none is read or written through.
func TestNoLinkIsFollowed(t *testing.T) {
	tool, root := setup(t)
	outside := t.TempDir()
	put(t, outside, "secret", "secret")
	mkdir(t, root, "real/sub")
	put(t, root, "real/file", "inside")
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(outside, "out")
	link(filepath.Join(outside, "secret"), "out-file")
	link("../"+filepath.Base(outside), "up")
	link("real", "in")
	link("real/file", "in-file")
	link("nowhere", "dangling")
	link("loop-b", "loop-a")
	link("loop-a", "loop-b")
	link(".", "self")
	link("../..", "real/sub/top")
	link("/proc/self/root", "proc")
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(root, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()

	tests := []struct{ path, word string }{
		{"out/secret", "symbolic link"},
		{"out-file", "symbolic link"},
		{"up/secret", "symbolic link"},
		{"in/file", "symbolic link"},
		{"in-file", "symbolic link"},
		{"dangling", "symbolic link"},
		{"dangling/x", "symbolic link"},
		{"loop-a", "symbolic link"},
		{"loop-a/x", "symbolic link"},
		{"self/real/file", "symbolic link"},
		{"real/sub/top/secret", "symbolic link"},
		{"proc/etc/passwd", "symbolic link"},
		{"real", "a directory"},
		{"real/file/x", "must be a directory"},
		{"fifo", "named pipe"},
		{"fifo/x", "must be a directory"},
		{"socket", "a socket"},
		{"missing/x", "no directory"},
	}
	for _, tt := range tests {
		_, err := read(t, tool, tt.path)
		wantRefused(t, err, tt.word)
		for _, mode := range []string{"create", "replace", "append"} {
			_, err := write(t.Context(), t, tool, tt.path, "x", mode, 1)
			wantRefused(t, err, tt.word)
		}
	}
	wantFile(t, filepath.Join(outside, "secret"), "secret")
	wantFile(t, filepath.Join(root, "real/file"), "inside")
	wantOnly(t, outside, "secret")
	wantClean(t, root)
}

func TestMissingFile(t *testing.T) {
	tool, root := setup(t)
	put(t, root, "Notes", "x")
	_, err := read(t, tool, "notes") // another case is another file
	wantRefused(t, err, "upper and lower case differ")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
	if strings.Contains(err.Error(), root) {
		t.Errorf("the error tells the agent where the root is: %v", err)
	}
}

// TestLinkedStateIsRefused: whoever plants a link where the tokens belong must
// not make the tool write elsewhere.
func TestLinkedStateIsRefused(t *testing.T) {
	tool, root := setup(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, ".portcullis")); err != nil {
		t.Fatal(err)
	}
	_, err := write(t.Context(), t, tool, "a", "x", "", 1)
	wantRefused(t, err, "symbolic link")
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestSwappedLinks lets an attacker exchange a directory and a file for links as
// fast as it can while the tool reads and writes through them: links out of the
// root, and links to another directory in it, which a path under another policy
// may name.
func TestSwappedLinks(t *testing.T) {
	t.Run("out of the root", func(t *testing.T) {
		tool, root := setup(t)
		outside := t.TempDir()
		besiege(t, tool, root, outside, outside, filepath.Join(outside, "file"))
	})
	t.Run("within the root", func(t *testing.T) {
		tool, root := setup(t)
		mkdir(t, root, "other")
		besiege(t, tool, root, filepath.Join(root, "other"), "other", "../other/file")
	})
}

// besiege uses dir/file for a second while two attackers swap dir for a link
// dirTarget, and file for a link fileTarget; both links lead to secrets.
func besiege(t *testing.T, tool *files.Files, root, secrets, dirTarget, fileTarget string) {
	t.Helper()
	put(t, secrets, "file", "secret")
	mkdir(t, root, "dir")
	put(t, root, "dir/file", "inside")
	stop := make(chan struct{})
	var attackers sync.WaitGroup
	for _, spot := range []struct{ dir, name, target string }{
		{root, "dir", dirTarget},
		{filepath.Join(root, "dir"), "file", fileTarget},
	} {
		dir, err := os.OpenRoot(spot.dir) // a handle, lest one attacker be misled by the other
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = dir.Close() })
		attackers.Go(func() { swap(dir, spot.name, spot.target, stop) })
	}
	done, refused := 0, 0
	for token := uint64(1); token < 100_000 && (token < 1000 || done < 3 || refused < 3); token++ {
		got, readErr := read(t, tool, "dir/file")
		if readErr == nil && *got.Content == "secret" {
			t.Error("read through a link")
		}
		_, writeErr := write(t.Context(), t, tool, "dir/file", "inside", "", token)
		for _, err := range []error{readErr, writeErr} {
			if err != nil {
				refused++
			} else {
				done++
			}
		}
	}
	close(stop)
	attackers.Wait()
	wantFile(t, filepath.Join(secrets, "file"), "secret")
	wantOnly(t, secrets, "file")
	t.Logf("%d done, %d refused", done, refused)
	if done == 0 || refused == 0 {
		t.Error("tool and attacker never met; this test showed nothing")
	}
}

// swap exchanges name for a link to target and back until stop is closed. It
// may fail where the tool is faster; then it tries again.
func swap(dir *os.Root, name, target string, stop <-chan struct{}) {
	aside := name + ".aside"
	for {
		select {
		case <-stop:
			return
		default:
		}
		if dir.Rename(name, aside) == nil {
			_ = dir.Symlink(target, name)
			_ = dir.Remove(name)
			_ = dir.Rename(aside, name)
		}
	}
}

// FuzzPath compares the tool with a plain rule: what is admitted is local, clean
// and unreserved, and a write to it lands exactly there.
func FuzzPath(f *testing.F) {
	for _, path := range refusedPaths {
		f.Add(path)
	}
	f.Add("a")
	f.Add("a.b-c d/é")
	root := f.TempDir()
	tool, err := files.New(root)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = tool.Close() })
	token := uint64(0)
	f.Fuzz(func(t *testing.T, path string) {
		token++
		if filepath.IsLocal(path) {
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o700); err != nil {
				return // the file system refuses such a name, too
			}
		}
		_, err := write(t.Context(), t, tool, path, "x", "", token)
		if err != nil {
			return
		}
		if !filepath.IsLocal(path) || filepath.Clean(path) != path || strings.ContainsAny(path, "\\\x00\n") ||
			strings.Contains(strings.ToLower(path), "/.portcullis") || strings.HasPrefix(strings.ToLower(path), ".portcullis") {
			t.Fatalf("%q was written", path)
		}
		wantFile(t, filepath.Join(root, path), "x")
		if err := os.RemoveAll(filepath.Join(root, strings.Split(path, "/")[0])); err != nil {
			t.Fatal(err)
		}
	})
}
