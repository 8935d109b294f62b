package lineage_test

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// TestEdge compares every small tree with RFC 6962's definition, and what is
// stored of it with what tlog would store.
func TestEdge(t *testing.T) {
	const most = 300
	all := leaves(most)
	var e lineage.Edge
	var s store
	for n := range all {
		if e.Size() != uint64(n) || e.Root() != rootOf(all[:n]) {
			t.Fatalf("size %d (%d): another root", n, e.Size())
		}
		want, err := tlog.StoredHashesForRecordHash(int64(n), all[n], s)
		must(t, err)
		got := e.Append(all[n])
		if !slices.Equal(got, want) {
			t.Fatalf("leaf %d stores other hashes", n)
		}
		if tlog.StoredHashIndex(0, int64(n)) != int64(len(s)) {
			t.Fatalf("leaf %d stands at %d", n, len(s))
		}
		s = append(s, got...)
		if root, err := lineage.Root(s, uint64(n)+1); err != nil || root != e.Root() {
			t.Fatalf("size %d: root %v, %v", n+1, root, err)
		}
	}
}

// TestEdgeOfStored: an edge that was read back grows as one that never stopped.
func TestEdgeOfStored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := leaves(rapid.IntRange(0, 600).Draw(t, "leaves"))
		stop := rapid.IntRange(0, len(all)).Draw(t, "stop")
		_, s := grown(all[:stop])
		e, err := lineage.NewEdge(uint64(stop), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range all[stop:] {
			s = append(s, e.Append(leaf)...)
		}
		whole, stored := grown(all)
		if e.Root() != whole.Root() || e.Size() != whole.Size() || !slices.Equal(s, stored) {
			t.Fatalf("stopped at %d of %d: another tree", stop, len(all))
		}
	})
}

func TestEdgeUnreadable(t *testing.T) {
	lost := errors.New("the tile is lost")
	e, err := lineage.NewEdge(5, tlog.HashReaderFunc(func([]int64) ([]tlog.Hash, error) { return nil, lost }))
	if e != nil || !errors.Is(err, lost) {
		t.Errorf("%v, %v", e, err)
	}
}

func TestRootOfNoTree(t *testing.T) {
	if _, err := lineage.Root(store(nil), 1<<62+1); !errors.Is(err, lineage.ErrProof) {
		t.Error(err)
	}
}
