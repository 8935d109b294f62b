package lineage

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrProof reports a proof that does not hold.
var ErrProof = errors.New("lineage: the proof does not hold")

// maxSize bounds the sizes of trees, so that they are safe as signed numbers.
const maxSize = 1 << 62

// CheckInclusion reports whether a tree of this size and root has the leaf at a
// position of the ledger, from 1 (RFC 6962, section 2.1.1).
func CheckInclusion(proof []Hash, size uint64, root Hash, position uint64, leaf Hash) error {
	if position == 0 || position > size || size > maxSize {
		return fmt.Errorf("%w: position %d is in no tree of %d", ErrProof, position, size)
	}
	if err := tlog.CheckRecord(proof, int64(size), root, int64(position-1), leaf); err != nil { //nolint:gosec // at most maxSize
		return fmt.Errorf("%w: position %d in a tree of %d: %w", ErrProof, position, size, err)
	}
	return nil
}

// CheckConsistency reports whether the larger tree begins with all leaves of the
// smaller one (RFC 6962, section 2.1.2). Every tree begins with the empty one.
func CheckConsistency(proof []Hash, oldSize uint64, oldRoot Hash, size uint64, root Hash) error {
	switch {
	case oldSize > size || size > maxSize:
		return fmt.Errorf("%w: a tree of %d does not continue one of %d", ErrProof, size, oldSize)
	case size == 0 && root != emptyRoot:
		return fmt.Errorf("%w: the empty tree has another root", ErrProof)
	case oldSize == 0 && len(proof) == 0 && oldRoot == emptyRoot:
		return nil
	case oldSize == 0:
		return fmt.Errorf("%w: from the empty tree there is nothing to prove", ErrProof)
	}
	if err := tlog.CheckTree(proof, int64(size), root, int64(oldSize), oldRoot); err != nil { //nolint:gosec // at most maxSize
		return fmt.Errorf("%w: from %d to %d: %w", ErrProof, oldSize, size, err)
	}
	return nil
}

// Inclusion proves that a tree of this size has its leaf at a position.
func Inclusion(r tlog.HashReader, size, position uint64) ([]Hash, error) {
	if position == 0 || position > size || size > maxSize {
		return nil, fmt.Errorf("%w: position %d is in no tree of %d", ErrProof, position, size)
	}
	proof, err := tlog.ProveRecord(int64(size), int64(position-1), r) //nolint:gosec // at most maxSize
	if err != nil {
		return nil, fmt.Errorf("lineage: proving position %d in a tree of %d: %w", position, size, err)
	}
	return proof, nil
}

// Consistency proves that a tree of one size continues a smaller one; nothing is
// needed from the empty tree.
func Consistency(r tlog.HashReader, oldSize, size uint64) ([]Hash, error) {
	switch {
	case oldSize > size || size > maxSize:
		return nil, fmt.Errorf("%w: a tree of %d does not continue one of %d", ErrProof, size, oldSize)
	case oldSize == 0:
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(size), int64(oldSize), r) //nolint:gosec // at most maxSize
	if err != nil {
		return nil, fmt.Errorf("lineage: proving %d to %d: %w", oldSize, size, err)
	}
	return proof, nil
}

// Root is the root of the tree of this size whose hashes a reader has.
func Root(r tlog.HashReader, size uint64) (Hash, error) {
	if size == 0 {
		return emptyRoot, nil
	}
	if size > maxSize {
		return Hash{}, fmt.Errorf("%w: %d is no size of a tree", ErrProof, size)
	}
	root, err := tlog.TreeHash(int64(size), r)
	if err != nil {
		return Hash{}, fmt.Errorf("lineage: the root of a tree of %d: %w", size, err)
	}
	return root, nil
}
