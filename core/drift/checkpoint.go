package drift

import (
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// trees holds what was said of the ledger's Merkle tree.
type trees struct {
	roots map[uint64]trust.Digest // by size, the first that was named
	order []uint64                // the sizes, ascending
	sizes map[string]uint64       // by source, the largest
	since uint64                  // the governance head that began this tree: 0, or that of a loss
}

// Bounds of what is remembered: the largest trees, and as many sources.
const (
	maxTrees   = 256
	maxSources = 1024
)

func newTrees(since uint64) trees {
	return trees{roots: make(map[uint64]trust.Digest), sizes: make(map[string]uint64), since: since}
}

// Checkpoint takes a checkpoint that a source signed, in whatever order such
// notes come: a cosignature may be late, and whoever may append can append a copy.
// Whether the source may speak is the caller's to know.
func (w *Watch) Checkpoint(f *ledger.Fold, source string, head *pb.CheckpointHead) {
	w.compareTree(f, source, head, false)
}

// compareTree compares what a source says of the tree with what was said before.
// Ordered are words that stand in the order in which they were said: they never
// go back.
func (w *Watch) compareTree(f *ledger.Fold, source string, head *pb.CheckpointHead, ordered bool) {
	root, ok := trust.DigestFrom(head.GetRoot())
	if !ok {
		return
	}
	detail := w.trees.take(source, head.GetSize(), root, ordered)
	if detail == "" {
		return
	}
	w.raise(f, schemas.DriftCheckpointFork, symptom{subject: source, alike: true, since: f.LogTime(), detail: detail})
}

// take says how a checkpoint contradicts what was said before; "" if it does not.
// One that was named before is no contradiction, however late it comes again:
// with its cosignatures, or as somebody's copy. Of one that is older than all
// that are remembered nobody can tell.
func (t *trees) take(source string, size uint64, root trust.Digest, ordered bool) string {
	held, known := t.roots[size]
	switch {
	case known && held == root:
		t.sizes[source] = max(t.sizes[source], size)
		return ""
	case known:
		return fmt.Sprintf("it named root %s for a tree of %d records, whose root is %s", root.Short(), size, held.Short())
	case len(t.order) == maxTrees && size < t.order[0]:
		return ""
	case ordered && size < t.sizes[source]:
		return fmt.Sprintf("it named a tree of %d records after one of %d", size, t.sizes[source])
	}
	t.remember(source, size, root)
	return ""
}

func (t *trees) remember(source string, size uint64, root trust.Digest) {
	if _, known := t.sizes[source]; known || len(t.sizes) < maxSources {
		t.sizes[source] = max(t.sizes[source], size)
	}
	i, _ := slices.BinarySearch(t.order, size)
	t.order = slices.Insert(t.order, i, size)
	t.roots[size] = root
	if len(t.order) > maxTrees {
		delete(t.roots, t.order[0])
		t.order = t.order[1:]
	}
}
