package lineage_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/lineage"
)

// TestProofs: every position of every small tree is proved included, every tree
// is proved to continue every smaller one.
func TestProofs(t *testing.T) {
	const most = 40
	all := leaves(most)
	_, s := grown(all)
	for size := range uint64(most + 1) {
		root := rootOf(all[:size])
		for position := uint64(1); position <= size; position++ {
			proof, err := lineage.Inclusion(s, size, position)
			must(t, err)
			if err := lineage.CheckInclusion(proof, size, root, position, all[position-1]); err != nil {
				t.Fatal(err)
			}
		}
		for old := range size + 1 {
			proof, err := lineage.Consistency(s, old, size)
			must(t, err)
			if err := lineage.CheckConsistency(proof, old, rootOf(all[:old]), size, root); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// bend changes a proof: a bit, an element too many or too few, the order.
func bend(t *rapid.T, proof []lineage.Hash) []lineage.Hash {
	bent := append([]lineage.Hash(nil), proof...)
	i := 0
	if len(bent) > 0 {
		i = rapid.IntRange(0, len(bent)-1).Draw(t, "where")
	}
	switch kind := rapid.SampledFrom([]string{"bit", "more", "less", "swap"}).Draw(t, "kind"); {
	case kind == "bit" && len(bent) > 0:
		bent[i][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case kind == "less" && len(bent) > 0:
		bent = append(bent[:i], bent[i+1:]...)
	case kind == "swap" && i > 0:
		bent[i-1], bent[i] = bent[i], bent[i-1]
	default:
		bent = append(bent, lineage.Hash{1})
	}
	return bent
}

// TestProofsBent: a proof with anything changed proves nothing.
func TestProofsBent(t *testing.T) {
	const most = 100
	all := leaves(most)
	_, s := grown(all)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, most).Draw(t, "size")
		position := rapid.Uint64Range(1, size).Draw(t, "position")
		old := rapid.Uint64Range(1, size).Draw(t, "old")
		root, oldRoot := rootOf(all[:size]), rootOf(all[:old])
		included, err := lineage.Inclusion(s, size, position)
		if err != nil {
			t.Fatal(err)
		}
		continued, err := lineage.Consistency(s, old, size)
		if err != nil {
			t.Fatal(err)
		}
		other := lineage.Hash{9}
		for what, err := range map[string]error{
			"bent inclusion":      lineage.CheckInclusion(bend(t, included), size, root, position, all[position-1]),
			"another leaf":        lineage.CheckInclusion(included, size, root, position, other),
			"another root":        lineage.CheckInclusion(included, size, other, position, all[position-1]),
			"beyond the tree":     lineage.CheckInclusion(included, size, root, size+1, all[position-1]),
			"position 0":          lineage.CheckInclusion(included, size, root, 0, all[position-1]),
			"bent consistency":    lineage.CheckConsistency(bend(t, continued), old, oldRoot, size, root),
			"another old root":    lineage.CheckConsistency(continued, old, other, size, root),
			"another new root":    lineage.CheckConsistency(continued, old, oldRoot, size, other),
			"backwards":           lineage.CheckConsistency(continued, size+1, root, size, root),
			"from an empty other": lineage.CheckConsistency(continued, 0, other, size, root),
		} {
			if !errors.Is(err, lineage.ErrProof) {
				t.Fatalf("%s of %d, %d in %d: %v", what, position, old, size, err)
			}
		}
	})
}

func TestConsistencyFromNothing(t *testing.T) {
	empty, one := rootOf(nil), rootOf(leaves(1))
	tests := []struct {
		name    string
		proof   []lineage.Hash
		oldRoot lineage.Hash
		size    uint64
		root    lineage.Hash
		ok      bool
	}{
		{"nothing continues nothing", nil, empty, 0, empty, true},
		{"anything continues nothing", nil, empty, 1, one, true},
		{"nothing needs no proof", []lineage.Hash{one}, empty, 1, one, false},
		{"nothing has one root before", nil, one, 1, one, false},
		{"nothing has one root after", nil, empty, 0, one, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := lineage.CheckConsistency(test.proof, 0, test.oldRoot, test.size, test.root)
			if test.ok != (err == nil) || err != nil && !errors.Is(err, lineage.ErrProof) {
				t.Error(err)
			}
		})
	}
}

// TestProofsOutOfRange: sizes that no tree has are refused, not computed with.
func TestProofsOutOfRange(t *testing.T) {
	const huge = 1<<62 + 1
	_, s := grown(leaves(4))
	_, inclusion := lineage.Inclusion(s, huge, 1)
	_, zero := lineage.Inclusion(s, 4, 0)
	_, beyond := lineage.Inclusion(s, 4, 5)
	_, consistency := lineage.Consistency(s, 1, huge)
	_, back := lineage.Consistency(s, 4, 3)
	for what, err := range map[string]error{
		"inclusion in a huge tree": inclusion, "position 0": zero, "position 5 of 4": beyond,
		"to a huge tree": consistency, "backwards": back,
		"check of inclusion":   lineage.CheckInclusion(nil, 1<<63+1, lineage.Hash{}, 1, lineage.Hash{}),
		"check of consistency": lineage.CheckConsistency(nil, 1, lineage.Hash{}, 1<<63+1, lineage.Hash{}),
	} {
		if !errors.Is(err, lineage.ErrProof) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if proof, err := lineage.Consistency(s, 0, 4); proof != nil || err != nil {
		t.Errorf("from nothing: %v, %v", proof, err)
	}
}
