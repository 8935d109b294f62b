package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// ErrTiles reports tiles that are not those of the tree that their checkpoint
// signs.
var ErrTiles = errors.New("evidence: the tiles are not those of their checkpoint")

const (
	tileWidth  = 256 // hashes or entries of a full tile (C2SP tlog-tiles)
	tileHeight = 8
	maxEntry   = 1<<16 - 1
	maxTile    = tileWidth * (2 + maxEntry)
)

// CopyTiles copies a recorder's tiles (C2SP tlog-tiles: checkpoint, tile/<L>/<N>,
// tile/entries/<N>) into the archive, after making sure that the checkpoint there
// verifies by keys and that every tile follows from the entries and all of them
// give its root. Tiles that were copied before are compared, not written again.
func (a *Archive) CopyTiles(from string, keys *lineage.Keys) (lineage.Signed, error) {
	signed, err := readSmall(filepath.Join(from, checkpointName), lineage.MaxNote)
	if err != nil {
		return lineage.Signed{}, err
	}
	c, err := keys.Open(signed)
	if err != nil {
		return lineage.Signed{}, fmt.Errorf("%w: %w", ErrTiles, err)
	}
	// Twice: nothing is written before everything is known to be right.
	for _, to := range []string{"", filepath.Join(a.dir, tilesFolder)} {
		t := &tiling{from: from, to: to, size: c.Size}
		if err := t.all(); err != nil {
			return lineage.Signed{}, err
		}
		if root := t.edge.Root(); root != c.Root {
			return lineage.Signed{}, fmt.Errorf("%w: their root is %s, the checkpoint over %d records says %s", ErrTiles, root, c.Size, c.Root)
		}
	}
	if err := makeDir(filepath.Join(a.dir, tilesFolder)); err != nil {
		return lineage.Signed{}, err
	}
	if err := replaceFile(filepath.Join(a.dir, tilesFolder, checkpointName), func(to io.Writer) error {
		_, err := to.Write(signed)
		return err
	}); err != nil {
		return lineage.Signed{}, err
	}
	a.manifest.Tiles = &archivedTree{c.Origin, c.Size}
	return c, a.manifest.write(a.dir)
}

// tiling derives every tile of a tree from its entries, which it reads from one
// folder, and compares it with that folder's. With a folder to write to, it copies.
type tiling struct {
	from, to string
	size     uint64
	edge     lineage.Edge
	levels   []level
}

// level is the newest tile of a level of tiles.
type level struct {
	number uint64
	hashes []byte
}

func (t *tiling) all() error {
	for n := uint64(0); n*tileWidth < t.size; n++ {
		width := int(min(t.size-n*tileWidth, tileWidth))
		if err := t.bundle(n, width); err != nil {
			return err
		}
	}
	for l := range t.levels {
		if one := &t.levels[l]; len(one.hashes) > 0 {
			if err := t.tile(l, one, len(one.hashes)/tlog.HashSize); err != nil {
				return err
			}
		}
	}
	return nil
}

// bundle adds the entries of one entry bundle.
func (t *tiling) bundle(n uint64, width int) error {
	name := tileName("entries", n)
	data, err := t.read(name, width)
	if err != nil {
		return err
	}
	rest := data
	for i := range width {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return fmt.Errorf("%w: %s ends in entry %d of %d", ErrTiles, name, i, width)
		}
		entry := rest[2 : 2+int(binary.BigEndian.Uint16(rest))]
		rest = rest[2+len(entry):]
		if err := t.add(tlog.RecordHash(entry)); err != nil {
			return err
		}
	}
	data = data[:len(data)-len(rest)] // a fuller bundle begins like a narrower one
	return t.copy(name, width, data)
}

// add appends a leaf. Every eighth level of what the tree stores for it is a
// level of tiles.
func (t *tiling) add(leaf lineage.Hash) error {
	for k, hash := range t.edge.Append(leaf) {
		if k%tileHeight != 0 {
			continue
		}
		l := k / tileHeight
		if l == len(t.levels) {
			t.levels = append(t.levels, level{})
		}
		one := &t.levels[l]
		if one.hashes = append(one.hashes, hash[:]...); len(one.hashes) < tileWidth*tlog.HashSize {
			continue
		}
		if err := t.tile(l, one, tileWidth); err != nil {
			return err
		}
		*one = level{number: one.number + 1}
	}
	return nil
}

// tile compares a tile with the recorder's.
func (t *tiling) tile(l int, one *level, width int) error {
	name := tileName(fmt.Sprint(l), one.number)
	data, err := t.read(name, width)
	if err != nil {
		return err
	}
	if len(data) < len(one.hashes) || !bytes.Equal(data[:len(one.hashes)], one.hashes) {
		return fmt.Errorf("%w: %s does not follow from the entries", ErrTiles, name)
	}
	return t.copy(name, width, one.hashes)
}

// read reads a tile of at least so much width. The recorder may have completed a
// partial tile since it signed the checkpoint.
func (t *tiling) read(name string, width int) ([]byte, error) {
	if width < tileWidth {
		data, err := readSmall(filepath.Join(t.from, partial(name, width)), maxTile)
		if !missing(err) {
			return data, err
		}
	}
	data, err := readSmall(filepath.Join(t.from, name), maxTile)
	if missing(err) {
		err = fmt.Errorf("%w: %w", ErrTiles, err)
	}
	return data, err
}

func (t *tiling) copy(name string, width int, data []byte) error {
	if t.to == "" {
		return nil
	}
	if width < tileWidth {
		name = partial(name, width)
	}
	path := filepath.Join(t.to, name)
	there, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(there, data):
		return nil
	case err == nil:
		return fmt.Errorf("evidence: %w: %s, with other bytes; look at both, one of them was altered", fs.ErrExist, path)
	case !missing(err):
		return fmt.Errorf("evidence: %w", err)
	}
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return replaceFile(path, func(to io.Writer) error {
		_, err := to.Write(data)
		return err
	})
}

// tileName is a full tile's path: its number in groups of three digits, all but
// the last with an x before them (C2SP tlog-tiles).
func tileName(level string, n uint64) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = filepath.Join(fmt.Sprintf("x%03d", n%1000), path)
	}
	return filepath.Join("tile", level, path)
}

func partial(name string, width int) string { return filepath.Join(name+".p", fmt.Sprint(width)) }
