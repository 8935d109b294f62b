package tiles

import (
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8           // of a tile
	width  = 1 << height // hashes or entries in a full tile

	// entries is the level of entry bundles, as tlog names its data tiles.
	entries = -1
)

// The library's paths name the height, and its name for entries is another.
const (
	libraryPrefix  = "tile/8/"
	libraryEntries = libraryPrefix + "data/"
	prefix         = "tile/"
	entriesPrefix  = prefix + "entries/"
)

// path is where a tile stands, below a tree's folder or URL (C2SP tlog-tiles).
func path(t tlog.Tile) string {
	if rest, ok := strings.CutPrefix(t.Path(), libraryEntries); ok {
		return entriesPrefix + rest
	}
	return prefix + strings.TrimPrefix(t.Path(), libraryPrefix)
}

// parsePath is the inverse of path, and strict.
func parsePath(p string) (tlog.Tile, bool) {
	library := libraryPrefix + strings.TrimPrefix(p, prefix)
	if rest, ok := strings.CutPrefix(p, entriesPrefix); ok {
		library = libraryEntries + rest
	}
	t, err := tlog.ParseTilePath(library)
	return t, err == nil && path(t) == p
}

// full is the tile that a partial one becomes.
func full(t tlog.Tile) tlog.Tile {
	t.W = width
	return t
}

// within reports whether a tree of this size has the tile, or a wider one.
func within(t tlog.Tile, size uint64) bool {
	level := max(t.L, 0)                                           // a bundle is as wide as its tile of level 0
	return uint64(t.N)<<height+uint64(t.W) <= size>>(height*level) //nolint:gosec // ParseTilePath and trees give no negative ones
}

// unit is how many bytes one of a tile's hashes has.
const unit = tlog.HashSize
