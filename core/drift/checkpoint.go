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
}

// Bounds of what is remembered: the largest trees, and as many sources.
const (
	maxTrees   = 256
	maxSources = 1024
)

func newTrees() trees {
	return trees{roots: make(map[uint64]trust.Digest), sizes: make(map[string]uint64)}
}

// Checkpoint takes a checkpoint that a source names: a sentinel's pulse, or the
// recorder. Whether the source may speak is the caller's to know.
func (w *Watch) Checkpoint(f *ledger.Fold, source string, head *pb.CheckpointHead) {
	root, ok := trust.DigestFrom(head.GetRoot())
	if !ok {
		return
	}
	detail := w.trees.take(source, head.GetSize(), root)
	if detail == "" {
		return
	}
	w.raise(f, schemas.DriftCheckpointFork, symptom{subject: source, alike: true, since: f.LogTime(), detail: detail})
}

// take says how a checkpoint contradicts what was said before; "" if it does not.
func (t *trees) take(source string, size uint64, root trust.Digest) string {
	if before, known := t.sizes[source]; size < before {
		return fmt.Sprintf("it named a tree of %d records after one of %d", size, before)
	} else if known || len(t.sizes) < maxSources {
		t.sizes[source] = size
	}
	if held, known := t.roots[size]; known {
		if held != root {
			return fmt.Sprintf("it named root %s for a tree of %d records, whose root is %s", root.Short(), size, held.Short())
		}
		return ""
	}
	i, _ := slices.BinarySearch(t.order, size)
	t.order = slices.Insert(t.order, i, size)
	t.roots[size] = root
	if len(t.order) > maxTrees {
		delete(t.roots, t.order[0])
		t.order = t.order[1:]
	}
	return ""
}
