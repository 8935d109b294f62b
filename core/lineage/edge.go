package lineage

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Edge is a tree of which nothing is kept but what its root and its growth need:
// the hashes of the largest complete subtrees on its right edge, at most 63. The
// zero value is the empty tree. It belongs to one goroutine.
type Edge struct {
	size int64
	full [64]Hash // by level: the newest complete subtree of 2^level leaves
}

// NewEdge is the edge of a tree of this size whose hashes a reader has: that of
// tiles, whose root the reader has checked.
func NewEdge(size uint64, r tlog.HashReader) (*Edge, error) {
	e := &Edge{size: int64(size)} //nolint:gosec // no tree is that large
	for level := range e.full {
		n := e.size >> level
		if n&1 == 0 {
			continue
		}
		hashes, err := r.ReadHashes([]int64{tlog.StoredHashIndex(level, n-1)})
		if err != nil {
			return nil, fmt.Errorf("lineage: the edge of a tree of %d: %w", size, err)
		}
		e.full[level] = hashes[0]
	}
	return e, nil
}

// Size is how many leaves the tree has.
func (e *Edge) Size() uint64 { return uint64(e.size) } //nolint:gosec // never negative

// Add adds a leaf.
func (e *Edge) Add(leaf Hash) { e.grow(leaf, func(Hash) {}) }

// Append is Add, and returns the hashes that the tree stores for the leaf, in
// the order of tlog.StoredHashIndex: the leaf's, then those of the subtrees that
// it completes.
func (e *Edge) Append(leaf Hash) []Hash {
	stored := make([]Hash, 0, 2)
	e.grow(leaf, func(h Hash) { stored = append(stored, h) })
	return stored
}

func (e *Edge) grow(leaf Hash, stored func(Hash)) {
	stored(leaf)
	level, n := 0, e.size
	for ; n&1 == 1; n >>= 1 {
		leaf = tlog.NodeHash(e.full[level], leaf)
		stored(leaf)
		level++
	}
	e.full[level] = leaf
	e.size++
}

// Root is the tree's root hash; that of the empty tree is the SHA-256 of nothing.
func (e *Edge) Root() Hash {
	var root Hash
	begun := false
	for level, full := range e.full {
		switch {
		case e.size>>level&1 == 0:
		case !begun:
			root, begun = full, true
		default:
			root = tlog.NodeHash(full, root)
		}
	}
	if !begun {
		return emptyRoot
	}
	return root
}

var emptyRoot = func() Hash {
	root, err := tlog.TreeHash(0, tlog.HashReaderFunc(func([]int64) ([]Hash, error) { return nil, errors.New("it has none") }))
	if err != nil {
		panic(err) // unreachable: nothing is read
	}
	return root
}()
