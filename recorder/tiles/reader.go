package tiles

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// ErrDisk reports tiles that are not what their checkpoint says: the disk lost or
// changed them.
var ErrDisk = errors.New("tiles: the disk does not hold the tree that its checkpoint names")

// reader reads tiles below a tree's folder. Files that a checkpoint covers never
// change, so it is safe for concurrent use.
type reader struct{ root string }

// Height implements tlog.TileReader.
func (reader) Height() int { return height }

// SaveTiles implements tlog.TileReader; they are on disk already.
func (reader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (r reader) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(wanted))
	for i, t := range wanted {
		data, err := r.tile(t)
		if err != nil {
			return nil, err
		}
		if len(data) < t.W*unit {
			return nil, fmt.Errorf("%w: %s has %d bytes", ErrDisk, path(t), len(data))
		}
		all[i] = data[:t.W*unit]
	}
	return all, nil
}

// tile reads a tile, or the full one that took its place.
func (r reader) tile(t tlog.Tile) ([]byte, error) {
	data, err := r.file(path(t))
	if errors.Is(err, fs.ErrNotExist) && t.W < width {
		data, err = r.file(path(full(t)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", ErrDisk, path(t))
	}
	return data, err
}

func (r reader) file(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("tiles: reading %s: %w", name, err)
	}
	return data, nil
}

// bundle reads the first W entries of a bundle.
func (r reader) bundle(t tlog.Tile) ([][]byte, error) {
	data, err := r.tile(t)
	if err != nil {
		return nil, err
	}
	all := make([][]byte, 0, t.W)
	for len(all) < t.W {
		entry, rest, ok := cutEntry(data)
		if !ok {
			return nil, fmt.Errorf("%w: %s holds %d entries", ErrDisk, path(t), len(all))
		}
		all, data = append(all, entry), rest
	}
	return all, nil
}

// An entry in a bundle has its length before it.
const lengthSize = 2

func appendEntry(bundle, entry []byte) []byte {
	bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(entry))) //nolint:gosec // Append refuses longer ones
	return append(bundle, entry...)
}

func cutEntry(bundle []byte) (entry, rest []byte, ok bool) {
	if len(bundle) < lengthSize {
		return nil, nil, false
	}
	n, rest := int(binary.BigEndian.Uint16(bundle)), bundle[lengthSize:]
	if len(rest) < n {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

// hashes reads the hashes of one tree below a folder, each proved to be that
// tree's. Safe for concurrent use.
func (r reader) hashes(c lineage.Checkpoint) tlog.HashReader {
	tree := tlog.Tree{N: int64(c.Size), Hash: c.Root} //nolint:gosec // ParseCheckpoint bounds it
	return tlog.HashReaderFunc(func(indexes []int64) ([]lineage.Hash, error) {
		// A reader of the library's remembers nothing, and may not be shared.
		return tlog.TileHashReader(tree, r).ReadHashes(indexes)
	})
}
