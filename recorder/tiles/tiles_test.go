package tiles

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// entry is the i-th entry of a test's tree; lengths vary.
func entry(i uint64) []byte { return fmt.Appendf(nil, "entry %d%s", i, strings.Repeat(".", int(i%7))) }

// note is a note of a tree; nobody here looks at its signature.
func note(size uint64, root lineage.Hash) []byte {
	c := lineage.Checkpoint{Origin: "test", Size: size, Root: root}
	return []byte(c.String() + "\n— test " + base64.StdEncoding.EncodeToString(make([]byte, 68)) + "\n")
}

func folder(t testing.TB) *Folder {
	t.Helper()
	f, err := Lock(filepath.Join(t.TempDir(), "recorder"))
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// growTo appends up to each size, commits and sets a checkpoint there.
func growTo(l *Log, sizes ...uint64) error {
	for _, size := range sizes {
		for l.Size() < size {
			if err := l.Append(entry(l.Size())); err != nil {
				return err
			}
		}
		if err := l.Commit(); err != nil {
			return err
		}
		if err := l.SetCheckpoint(note(l.Size(), l.Root())); err != nil {
			return err
		}
	}
	return nil
}

// rootOf derives a root by the library alone.
func rootOf(t testing.TB, size uint64) lineage.Hash {
	t.Helper()
	var stored []lineage.Hash
	r := tlog.HashReaderFunc(func(indexes []int64) ([]lineage.Hash, error) {
		var all []lineage.Hash
		for _, i := range indexes {
			all = append(all, stored[i])
		}
		return all, nil
	})
	for i := range int64(size) {
		hashes, err := tlog.StoredHashes(i, entry(uint64(i)), r)
		must(t, err)
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(size), r)
	must(t, err)
	return root
}

// needed are the files that a tree of this size consists of, by name.
func needed(t testing.TB, root string, size uint64) map[string]string {
	t.Helper()
	all := map[string]string{}
	read := func(name string) {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		must(t, err)
		all[name] = string(data)
	}
	read(checkpointName)
	for _, tile := range tlog.NewTiles(height, 0, int64(size)) {
		read(path(tile))
		if tile.L == 0 {
			tile.L = entries
			read(path(tile))
		}
	}
	return all
}

func TestGrowsAsTheLibraryDoes(t *testing.T) {
	f := folder(t)
	l, err := f.Open()
	must(t, err)
	for _, size := range []uint64{1, 2, 255, 256, 257, 511, 512, 700, 66_000} {
		must(t, growTo(l, size))
		if l.Root() != rootOf(t, size) || l.Checkpoint().Size != size {
			t.Fatalf("root %v at %d, checkpoint %+v", l.Root(), size, l.Checkpoint())
		}
	}
	if _, err := os.Stat(filepath.Join(f.Tree(), "tile/0/000.p")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("partial tiles stay beside the full one")
	}
	l, err = f.Open()
	must(t, err)
	if l.Size() != 66_000 || l.Root() != rootOf(t, 66_000) {
		t.Errorf("reopened at %d with root %v", l.Size(), l.Root())
	}
}

// However a tree came to its size, in one go, in steps, or with restarts at each,
// its files are the same.
func TestSameFilesHoweverItGrew(t *testing.T) {
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		sizes := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 1500), 1, 5, rapid.ID).Draw(r, "sizes")
		slices.Sort(sizes)
		last := sizes[len(sizes)-1]
		runs++
		dir := filepath.Join(t.TempDir(), strconv.Itoa(runs))
		must(t, os.Mkdir(dir, dirMode))
		straight, err := open(newDisk(filepath.Join(dir, "straight")))
		must(t, err)
		must(t, growTo(straight, last))
		for _, size := range sizes {
			l, err := open(newDisk(filepath.Join(dir, "steps")))
			must(t, err)
			must(t, growTo(l, size))
		}
		if !maps.Equal(needed(t, filepath.Join(dir, "straight"), last), needed(t, filepath.Join(dir, "steps"), last)) {
			r.Errorf("grown by %v the files differ", sizes)
		}
	})
}

// A machine that stops before any change of the disk finds its newest checkpoint
// backed, and comes to the same files.
func TestStopAtEveryWrite(t *testing.T) {
	stop := errors.New("the machine stops")
	sizes := []uint64{3, 250, 256, 300, 513}
	dir := t.TempDir()
	straight, err := open(newDisk(filepath.Join(dir, "straight")))
	must(t, err)
	must(t, growTo(straight, sizes...))
	want := needed(t, filepath.Join(dir, "straight"), 513)

	for steps := 0; ; steps++ {
		root := filepath.Join(dir, fmt.Sprint("stopped", steps))
		d, left := newDisk(root), steps
		d.fault = func(what, path string) error {
			if left--; left >= 0 {
				return nil
			}
			if what == "writing" { // and half of it is there
				must(t, os.WriteFile(path, []byte("half"), fileMode))
			}
			return stop
		}
		l, err := open(d)
		must(t, err)
		err = growTo(l, sizes...)
		if err == nil {
			if steps < 50 {
				t.Errorf("only %d steps", steps)
			}
			return
		}
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		l, err = open(newDisk(root))
		must(t, err)
		if c := l.Checkpoint(); c.Size > 0 && (c.Root != rootOf(t, c.Size) || !slices.Contains(sizes, c.Size)) {
			t.Fatalf("after step %d the checkpoint is %+v", steps, c)
		}
		for i := range l.Checkpoint().Size {
			if held, err := l.Holds(i, entry(i)); err != nil || !held {
				t.Fatalf("after step %d entry %d: %v, %v", steps, i, held, err)
			}
		}
		must(t, growTo(l, 513))
		if !maps.Equal(needed(t, root, 513), want) {
			t.Fatalf("stopped after step %d the files differ", steps)
		}
	}
}

// Without a sync nothing is safe: every file is synced before its name, every
// folder before the checkpoint that rests on it.
func TestDurableBeforeTheCheckpoint(t *testing.T) {
	d := newDisk(filepath.Join(t.TempDir(), "tree"))
	var dirty []string
	d.fault = func(what, path string) error {
		switch {
		case what == "placing" && filepath.Base(path) == checkpointName && len(dirty) > 0:
			t.Errorf("the checkpoint is placed while %v are not synced", dirty)
		case what == "placing":
			dirty = append(dirty, filepath.Dir(path))
		case what == "syncing":
			dirty = slices.DeleteFunc(dirty, func(dir string) bool { return dir == path })
		}
		return nil
	}
	l, err := open(d)
	must(t, err)
	must(t, growTo(l, 5, 600))
	if len(dirty) > 0 {
		t.Errorf("%v are not synced in the end", dirty)
	}
}

func TestFaultsOfTheDiskAreToldFromForks(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, root string){
		"a hash is changed":       func(t *testing.T, root string) { flip(t, root, "tile/0/000", 100) },
		"an entry is changed":     func(t *testing.T, root string) { flip(t, root, "tile/entries/000", 100) },
		"a tile is gone":          func(t *testing.T, root string) { must(t, os.Remove(filepath.Join(root, "tile/0/000"))) },
		"a tile is short":         func(t *testing.T, root string) { must(t, os.Truncate(filepath.Join(root, "tile/0/000"), 8000)) },
		"entries are gone":        func(t *testing.T, root string) { must(t, os.Remove(filepath.Join(root, "tile/entries/000"))) },
		"entries are short":       func(t *testing.T, root string) { must(t, os.Truncate(filepath.Join(root, "tile/entries/000"), 800)) },
		"the edge is gone":        func(t *testing.T, root string) { must(t, os.RemoveAll(filepath.Join(root, "tile/0/001.p"))) },
		"the edge is changed":     func(t *testing.T, root string) { flip(t, root, "tile/0/001.p/44", 40) },
		"the edge of entries":     func(t *testing.T, root string) { flip(t, root, "tile/entries/001.p/44", 40) },
		"another root":            func(t *testing.T, root string) { rewrite(t, root, note(300, lineage.Hash{1})) },
		"a larger checkpoint":     func(t *testing.T, root string) { rewrite(t, root, note(301, rootOf(t, 301))) },
		"a smaller one, not its":  func(t *testing.T, root string) { rewrite(t, root, note(299, rootOf(t, 300))) },
		"a note that is none":     func(t *testing.T, root string) { rewrite(t, root, []byte("test\n300\n")) },
		"an empty checkpoint":     func(t *testing.T, root string) { rewrite(t, root, nil) },
		"a checkpoint of nothing": func(t *testing.T, root string) { rewrite(t, root, note(0, lineage.Hash{7})) },
	} {
		t.Run(name, func(t *testing.T) {
			f := folder(t)
			l, err := f.Open()
			must(t, err)
			must(t, growTo(l, 300))
			damage(t, f.Tree())
			l, err = f.Open()
			for i := uint64(0); err == nil && i < l.Checkpoint().Size; i++ {
				var held bool
				if held, err = l.Holds(i, entry(i)); err == nil && !held {
					t.Fatalf("entry %d: the damage looks like a fork", i)
				}
			}
			if !errors.Is(err, ErrDisk) {
				t.Errorf("%v is no fault of the disk", err)
			}
		})
	}
}

func flip(t *testing.T, root, name string, at int) {
	t.Helper()
	file := filepath.Join(root, name)
	data, err := os.ReadFile(file)
	must(t, err)
	data[at] ^= 1
	must(t, os.WriteFile(file, data, fileMode))
}

func rewrite(t *testing.T, root string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(root, checkpointName), data, fileMode))
}

func TestHoldsTellsOtherEntries(t *testing.T) {
	f := folder(t)
	l, err := f.Open()
	must(t, err)
	must(t, growTo(l, 300))
	for _, i := range []uint64{0, 255, 256, 299} {
		if held, err := l.Holds(i, []byte("another")); err != nil || held {
			t.Errorf("entry %d: %v, %v", i, held, err)
		}
	}
	if _, err := l.Holds(300, entry(300)); err == nil {
		t.Error("an entry that no checkpoint covers is held")
	}
}

func TestRefusals(t *testing.T) {
	f := folder(t)
	l, err := f.Open()
	must(t, err)
	must(t, growTo(l, 3))
	if err := l.Append(make([]byte, 1<<16)); err == nil || l.Size() != 3 {
		t.Error("an entry is taken that no bundle holds")
	}
	must(t, l.Append(make([]byte, 1<<16-1)))
	if err := l.SetCheckpoint(note(4, l.Root())); err == nil {
		t.Error("a checkpoint is set over what is not durable")
	}
	must(t, l.Commit())
	must(t, l.SetCheckpoint(note(4, l.Root())))
	if err := l.SetCheckpoint(note(3, rootOf(t, 3))); err == nil {
		t.Error("a checkpoint went back")
	}
	if err := l.SetCheckpoint([]byte("none")); err == nil {
		t.Error("something that is no note became the checkpoint")
	}
}

func TestOneProcessAtATime(t *testing.T) {
	f := folder(t)
	if _, err := Lock(f.dir); err == nil || !strings.Contains(err.Error(), "another recorder") {
		t.Errorf("%v", err)
	}
	must(t, f.Close())
	again, err := Lock(f.dir)
	must(t, err)
	must(t, again.Close())
	if _, err := Lock(""); err == nil {
		t.Error("no folder is taken for one")
	}
}

func TestSetAsideKeepsTheTree(t *testing.T) {
	f := folder(t)
	must(t, f.SetAside(1)) // there is none
	l, err := f.Open()
	must(t, err)
	must(t, growTo(l, 300))
	want := needed(t, f.Tree(), 300)
	must(t, f.SetAside(1))
	if got := needed(t, filepath.Join(f.dir, "lost-1"), 300); !maps.Equal(got, want) {
		t.Error("the tree is not what it was")
	}
	if l, err = f.Open(); err != nil || l.Size() != 0 || l.Note() != nil {
		t.Errorf("the new tree begins with %d entries, %v", l.Size(), err)
	}
	must(t, growTo(l, 2))
	if err := f.SetAside(1); !errors.Is(err, fs.ErrExist) {
		t.Errorf("evidence is overwritten: %v", err)
	}
}

func get(t testing.TB, h http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return w
}

func TestHandler(t *testing.T) {
	f := folder(t)
	l, err := f.Open()
	must(t, err)
	h := Handler(f.Tree())
	if got := get(t, h, "GET", "/checkpoint"); got.Code != 404 {
		t.Errorf("a tree without a checkpoint answers %d", got.Code)
	}
	must(t, growTo(l, 300, 301))
	must(t, growTo(l, 302))
	must(t, l.Append(entry(302)))
	must(t, l.Commit()) // on disk, and covered by nothing
	must(t, os.WriteFile(filepath.Join(f.dir, "secret"), []byte("x"), fileMode))
	for target, want := range map[string]struct {
		code        int
		kind, cache string
	}{
		"/checkpoint":                            {200, "text/plain; charset=utf-8", fresh},
		"/tile/0/000":                            {200, "application/octet-stream", immutable},
		"/tile/0/001.p/46":                       {200, "application/octet-stream", immutable},
		"/tile/0/001.p/44":                       {200, "application/octet-stream", immutable},
		"/tile/1/000.p/1":                        {200, "application/octet-stream", immutable},
		"/tile/entries/000":                      {200, "application/octet-stream", immutable},
		"/tile/entries/001.p/46":                 {200, "application/octet-stream", immutable},
		"/tile/0/001.p/47":                       {404, "", fresh}, // not covered
		"/tile/entries/001.p/47":                 {404, "", fresh},
		"/tile/0/001":                            {404, "", fresh},
		"/tile/0/001.p/0":                        {404, "", fresh},
		"/tile/0/001.p/256":                      {404, "", fresh},
		"/tile/0/001.p/046":                      {404, "", fresh},
		"/tile/00/000":                           {404, "", fresh},
		"/tile/63/000":                           {404, "", fresh},
		"/tile/64/000":                           {404, "", fresh},
		"/tile/-1/000":                           {404, "", fresh},
		"/tile/data/000":                         {404, "", fresh},
		"/tile/8/0/000":                          {404, "", fresh},
		"/tile/0/x000/000":                       {404, "", fresh},
		"/tile/0/0":                              {404, "", fresh},
		"/tile/0/000/":                           {404, "", fresh},
		"/tile/0/000.tmp":                        {404, "", fresh},
		"/tile/0":                                {404, "", fresh},
		"/tile/":                                 {404, "", fresh},
		"/":                                      {404, "", fresh},
		"//checkpoint":                           {404, "", fresh},
		"/tile/0/../../checkpoint":               {404, "", fresh},
		"/../secret":                             {404, "", fresh},
		"/%2e%2e/secret":                         {404, "", fresh},
		"/..%2fsecret":                           {404, "", fresh},
		"/lock":                                  {404, "", fresh},
		"/tile/0/999999999999999999999999999999": {404, "", fresh},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			got := get(t, h, method, target)
			if got.Code != want.code || got.Header().Get("Cache-Control") != want.cache || want.kind != "" && got.Header().Get("Content-Type") != want.kind {
				t.Errorf("%s %s: %d %v, want %+v", method, target, got.Code, got.Header(), want)
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if got := get(t, h, method, "/checkpoint"); got.Code != 405 || got.Header().Get("Allow") == "" {
			t.Errorf("%s answers %d", method, got.Code)
		}
	}
}

// web reads tiles as a stranger does, with the library's own client code.
type web struct {
	t   testing.TB
	url string
}

func (web) Height() int                     { return height }
func (web) SaveTiles([]tlog.Tile, [][]byte) {}

func (w web) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		all = append(all, w.get(path(tile)))
	}
	return all, nil
}

func (w web) get(name string) []byte {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/"+name, nil)
	must(w.t, err)
	res, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s", name, res.Status)
	}
	data, err := io.ReadAll(res.Body)
	must(w.t, err)
	return data
}

// A client of the library's verifies every leaf, and finds its entry.
func TestClientVerifiesEveryLeaf(t *testing.T) {
	const size = 1000
	f := folder(t)
	l, err := f.Open()
	must(t, err)
	must(t, growTo(l, 10, 999, size))
	server := httptest.NewServer(Handler(f.Tree()))
	t.Cleanup(server.Close)
	w := web{t, server.URL}

	c, err := TextOf(w.get(checkpointName))
	must(t, err)
	hashes := tlog.TileHashReader(tlog.Tree{N: int64(c.Size), Hash: c.Root}, w)
	var found uint64
	for n := range int64((size + width - 1) / width) {
		bundle := w.get(path(tlog.Tile{H: height, L: entries, N: n, W: min(width, size-int(n)*width)}))
		for len(bundle) > 0 {
			one, rest, ok := cutEntry(bundle)
			if !ok {
				t.Fatal("a bundle is cut off")
			}
			stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, int64(found))})
			must(t, err)
			if stored[0] != tlog.RecordHash(one) || !bytes.Equal(one, entry(found)) {
				t.Fatalf("entry %d is another", found)
			}
			found, bundle = found+1, rest
		}
	}
	if found != size || c.Size != size {
		t.Errorf("%d entries, of a tree of %d", found, c.Size)
	}
	proof, err := lineage.Consistency(l.Hashes(c), 10, size)
	must(t, err)
	must(t, lineage.CheckConsistency(proof, 10, rootOf(t, 10), size, c.Root))
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"tile/0/000", "tile/entries/x001/234.p/5", "tile/63/000.p/255", "tile/data/000", "../tile/0/000", "tile/0/000.p/256"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		tile, ok := parsePath(p)
		if ok && (path(tile) != p || !filepath.IsLocal(p) || tile.W < 1 || tile.W > width || tile.L < entries) {
			t.Errorf("%q is taken for %+v", p, tile)
		}
	})
}
