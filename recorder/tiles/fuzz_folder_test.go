package tiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// FuzzFolder: whatever stands in the place of one file of the tree, the folder
// opens as the tree that it was, refuses, or is found to hold other entries: a tile
// that was altered never vouches for an entry that was not recorded.
func FuzzFolder(f *testing.F) {
	const size = width + 3
	made := folder(f)
	l, err := made.Open()
	must(f, err)
	must(f, growTo(l, size))
	var names []string
	honest := map[string][]byte{}
	must(f, filepath.WalkDir(made.Tree(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		names, honest[path] = append(names, path), data
		return err
	}))
	slices.Sort(names)
	for i, name := range names {
		data := honest[name]
		f.Add(uint8(i), data[:len(data)/2])
		f.Add(uint8(i), append(slices.Clone(data), 0))
		flipped := slices.Clone(data)
		flipped[len(flipped)-1] ^= 1
		f.Add(uint8(i), flipped)
	}
	root := l.Root()
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		path := names[int(which)%len(names)]
		must(t, os.WriteFile(path, data, 0o600))
		defer func() { must(t, os.WriteFile(path, honest[path], 0o600)) }()
		l, err := made.Open()
		if err != nil {
			return
		}
		if l.Size() == size && l.Root() != root || l.Size() > size {
			t.Fatalf("a tree of %d with root %v", l.Size(), l.Root())
		}
		for _, index := range []uint64{0, width - 1, size - 1} {
			other := []byte("never recorded")
			if held, err := l.Holds(index, other); held && tlog.RecordHash(other) != tlog.RecordHash(entry(index)) {
				t.Fatalf("it holds another entry %d, %v", index, err)
			}
			if held, err := l.Holds(index, entry(index)); index < l.Size() && !held && !errors.Is(err, ErrDisk) {
				t.Fatalf("it does not hold entry %d, %v", index, err)
			}
		}
	})
}
