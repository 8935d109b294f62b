package audit

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// roots tells the root of any tree over the newest records: leaves between two
// snapshots of the edge are kept, and added again when a root is asked for.
type roots struct {
	edge      lineage.Edge
	snapshots []snapshot // oldest first
}

type snapshot struct {
	edge   lineage.Edge
	leaves []lineage.Hash // that follow it
}

const (
	snapshotEvery = 1 << 12
	maxSnapshots  = 64
)

// add appends a leaf.
func (r *roots) add(leaf lineage.Hash) {
	last := len(r.snapshots) - 1
	if last < 0 || len(r.snapshots[last].leaves) == snapshotEvery {
		r.snapshots = append(r.snapshots, snapshot{edge: r.edge})
		if last++; last == maxSnapshots {
			r.snapshots = append(r.snapshots[:0], r.snapshots[1:]...)
			last--
		}
	}
	r.snapshots[last].leaves = append(r.snapshots[last].leaves, leaf)
	r.edge.Add(leaf)
}

// at is the root of the tree over the first records; false if they are more than
// were read, or too few to be remembered.
func (r *roots) at(size uint64) (lineage.Hash, bool) {
	if size == r.edge.Size() {
		return r.edge.Root(), true
	}
	for _, s := range slices.Backward(r.snapshots) {
		if size < s.edge.Size() {
			continue
		}
		if size > s.edge.Size()+uint64(len(s.leaves)) {
			return lineage.Hash{}, false
		}
		edge := s.edge
		for _, leaf := range s.leaves[:size-s.edge.Size()] {
			edge.Add(leaf)
		}
		return edge.Root(), true
	}
	return lineage.Hash{}, false
}
