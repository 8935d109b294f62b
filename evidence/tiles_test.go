package evidence_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/evidence"
)

// tilesOf writes what a recorder would have on its disk, with the library's tiles.
func tilesOf(t *testing.T, w *world) string {
	t.Helper()
	dir := t.TempDir()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var all []tlog.Hash
		for _, i := range indexes {
			all = append(all, stored[i])
		}
		return all, nil
	})
	for i, entry := range w.entries {
		hashes, err := tlog.StoredHashes(int64(i), entry, reader)
		must(t, err)
		stored = append(stored, hashes...)
	}
	write := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, data, 0o600))
	}
	path := func(level string, n int64, width int) string {
		name := fmt.Sprintf("%03d", n) // fewer than 1000 tiles
		if width < 256 {
			name += fmt.Sprintf(".p/%d", width)
		}
		return filepath.Join("tile", level, name)
	}
	for _, tile := range tlog.NewTiles(8, 0, int64(len(w.entries))) {
		data, err := tlog.ReadTileData(tile, reader)
		must(t, err)
		write(path(fmt.Sprint(tile.L), tile.N, tile.W), data)
	}
	for n := 0; n*256 < len(w.entries); n++ {
		entries := w.entries[n*256 : min(n*256+256, len(w.entries))]
		var bundle []byte
		for _, entry := range entries {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...)
		}
		write(path("entries", int64(n), len(entries)), bundle)
	}
	write("checkpoint", w.sign())
	return dir
}

func (w *world) keys() *lineage.Keys {
	w.tb.Helper()
	keys, err := w.fold.Governance().LogKeys()
	must(w.tb, err)
	return keys
}

func TestCopyTiles(t *testing.T) {
	w, root := newWorld(t).acts(70, 1), t.TempDir() // more than one tile
	a, err := evidence.CreateArchive(root, w.header())
	must(t, err)
	for range 2 {
		from := tilesOf(t, w)
		c, err := a.CopyTiles(from, w.keys())
		must(t, err)
		if c.Size != w.size() {
			t.Errorf("size %d of %d", c.Size, w.size())
		}
		same(t, from, filepath.Join(a.Dir(), "tiles"))
		if c, err = a.CopyTiles(from, w.keys()); err != nil || c.Size != w.size() {
			t.Errorf("again: %v", err)
		}
		w.acts(1, 1) // the next run has more
	}
}

// same demands that every file of one folder is in the other.
func same(t *testing.T, from, to string) {
	t.Helper()
	for name, data := range filesOf(t, from) {
		rel, err := filepath.Rel(from, name)
		must(t, err)
		if copied, err := os.ReadFile(filepath.Join(to, rel)); err != nil || !bytes.Equal(copied, data) {
			t.Errorf("%s: %v", rel, err)
		}
	}
}

// TestCopyTilesThatGrew: a partial tile that was completed since the checkpoint
// begins alike.
func TestCopyTilesThatGrew(t *testing.T) {
	w := newWorld(t).acts(60, 1)
	signed, keys, size := w.sign(), w.keys(), w.size()
	w.acts(10, 1)
	from := tilesOf(t, w)
	must(t, os.WriteFile(filepath.Join(from, "checkpoint"), signed, 0o600))
	a, err := evidence.CreateArchive(t.TempDir(), w.header())
	must(t, err)
	if c, err := a.CopyTiles(from, keys); err != nil || c.Size != size {
		t.Errorf("size %d of %d: %v", c.Size, size, err)
	}
}

// TestCopyTilesRefuses: what is altered anywhere is not copied, not even in part.
func TestCopyTilesRefuses(t *testing.T) {
	w := newWorld(t).acts(70, 1)
	other := newWorld(t).acts(70, 1)
	other.foreign()
	for name, tamper := range map[string]func(dir string){
		"an entry":    func(dir string) { flip(t, filepath.Join(dir, "tile/entries/000"), 100) },
		"a length":    func(dir string) { flip(t, filepath.Join(dir, "tile/entries/000"), 0) },
		"a hash":      func(dir string) { flip(t, filepath.Join(dir, "tile/0/000"), 100) },
		"a node":      func(dir string) { flip(t, filepath.Join(dir, "tile/1/000.p/1"), 1) },
		"a tile gone": func(dir string) { must(t, os.Remove(filepath.Join(dir, "tile/0/000"))) },
		"a root": func(dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "checkpoint"), other.sign(), 0o600))
		},
		"a signature": func(dir string) { flip(t, filepath.Join(dir, "checkpoint"), 400) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tilesOf(t, w)
			tamper(dir)
			a, err := evidence.CreateArchive(t.TempDir(), w.header())
			must(t, err)
			_, err = a.CopyTiles(dir, w.keys())
			if !errors.Is(err, evidence.ErrTiles) {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(filepath.Join(a.Dir(), "tiles")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was copied: %v", err)
			}
		})
	}
	a, err := evidence.CreateArchive(t.TempDir(), w.header())
	must(t, err)
	if _, err := a.CopyTiles(t.TempDir(), w.keys()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no tiles: %v", err)
	}
	from := tilesOf(t, w)
	_, err = a.CopyTiles(from, w.keys())
	must(t, err)
	flip(t, filepath.Join(a.Dir(), "tiles/tile/0/000"), 5)
	if _, err := a.CopyTiles(from, w.keys()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a copy that was altered: %v", err)
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	data[at] ^= 1
	must(t, os.WriteFile(path, data, 0o600))
}
