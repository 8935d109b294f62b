package files

import (
	"errors"
	"os"
	"testing"
)

// TestSwapBetweenLookAndOpen plays the race of TestSwappedLinks at its worst
// moment: what was seen has moved aside, and a link within the root, which
// os.Root would follow, stands in its place.
func TestSwapBetweenLookAndOpen(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(errors.Join(root.Mkdir("dir", 0o700), root.Mkdir("other", 0o700)))
	must(errors.Join(root.WriteFile("file", nil, 0o600), root.WriteFile("secret", nil, 0o600)))
	dirSeen, err := root.Lstat("dir")
	must(err)
	fileSeen, err := look(root, "file")
	must(err)
	for name, target := range map[string]string{"dir": "other", "file": "secret"} {
		must(errors.Join(root.Rename(name, name+".aside"), root.Symlink(target, name)))
	}
	if dir, err := enterSeen(root, "dir", dirSeen); !errors.Is(err, ErrRefused) || dir != nil {
		t.Errorf("the directory: %v", err)
	}
	if file, err := open(root, "file", fileSeen); !errors.Is(err, ErrRefused) || file != nil {
		t.Errorf("the file: %v", err)
	}
}
