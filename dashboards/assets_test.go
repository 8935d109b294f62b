package dashboards

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBuiltPagesAreCurrent: the pages that are embedded are made of the sources that
// are here (web/sources.mjs).
func TestBuiltPagesAreCurrent(t *testing.T) {
	var names []string
	for _, from := range []string{"dashboards/web/src", "dashboards/web/public", "dashboards/web/index.html", "dashboards/web/package-lock.json", "sdk/typescript/src"} {
		err := filepath.WalkDir(filepath.Join("..", from), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				names = append(names, filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	all := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(all, "%x  %s\n", sha256.Sum256(text), name)
	}
	want := hex.EncodeToString(all.Sum(nil))
	got, err := fs.ReadFile(built, "web/dist/sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != want {
		t.Errorf("dashboards/web/dist was built from other sources (%.8s) than are here (%.8s); run: make console-assets", got, want)
	}
}
