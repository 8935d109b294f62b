package zone

import (
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// TestMost: a tree that a loss ended fits up to what was kept, by that loss and by
// every later one.
func TestMost(t *testing.T) {
	const all = ^uint64(0)
	for _, tt := range []struct {
		lost []uint64
		want []uint64 // by origin
	}{
		{nil, []uint64{all}},
		{[]uint64{80}, []uint64{80, all}},
		{[]uint64{80, 120}, []uint64{80, 120, all}},
		{[]uint64{80, 60}, []uint64{60, 60, all}},
	} {
		b := &base{lost: tt.lost}
		if b.origins() != len(tt.want) {
			t.Errorf("%v: %d trees", tt.lost, b.origins())
		}
		for origin, want := range tt.want {
			if got := b.most(origin); got != want {
				t.Errorf("%v: tree %d fits up to %d, want %d", tt.lost, origin, got, want)
			}
		}
	}
}

// TestKeysAt: the keys that count behind a position are those of the last
// governance record up to it.
func TestKeysAt(t *testing.T) {
	origin := func(losses int) string { return lineage.Origin("d.test", "z", trust.Digest{1}, losses) }
	made := func(losses int) *lineage.Keys {
		k, err := lineage.NewKeys(origin(losses), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	b := &base{origin: origin, lost: []uint64{4}, keys: []keysFrom{{1, made(0), false}, {9, made(1), true}}}
	for position, want := range map[uint64]string{0: origin(0), 1: origin(0), 8: origin(0), 9: origin(1), ^uint64(0): origin(1)} {
		if keys, err := b.keysAt(position); err != nil || keys.Origin() != want {
			t.Errorf("behind %d: %v", position, err)
		}
	}
	if !b.recorded() || (&base{keys: b.keys[:1]}).recorded() || (&base{}).recorded() {
		t.Error("a recorder counts at the end, or does not")
	}
}

// TestInOrderOfSize: the best witnessed one goes with the newest, unless it makes
// it superfluous.
func TestInOrderOfSize(t *testing.T) {
	of := func(size uint64, witnesses int) *checkpoint {
		c := &checkpoint{at: time.Unix(1, 0), note: []byte{byte(size), byte(witnesses)}}
		c.Size, c.Cosigned = size, make([]lineage.Cosignature, witnesses)
		return c
	}
	newest, better, same := of(9, 0), of(7, 2), of(9, 1)
	for name, tt := range map[string]struct {
		newest, best *checkpoint
		want         []*checkpoint
	}{
		"none": {nil, nil, nil}, "one": {newest, newest, []*checkpoint{newest}},
		"a better one": {newest, better, []*checkpoint{better, newest}}, "a better one of that size": {newest, same, []*checkpoint{same}},
	} {
		got := inOrderOfSize(tt.newest, tt.best)
		if len(got) != len(tt.want) {
			t.Fatalf("%s: %d", name, len(got))
		}
		for i, c := range got {
			if c.Size != tt.want[i].Size || len(c.Cosigned) != len(tt.want[i].Cosigned) {
				t.Errorf("%s: %d is of size %d", name, i, c.Size)
			}
		}
	}
}

// TestRank: the cosignatures that are asked for come first; more of them do not
// make up for records that are not covered.
func TestRank(t *testing.T) {
	of := func(size uint64, witnesses, asked int) checkpoint {
		c := checkpoint{asked: asked}
		c.Size, c.Cosigned = size, make([]lineage.Cosignature, witnesses)
		return c
	}
	for name, tt := range map[string]struct{ better, worse checkpoint }{
		"one that is witnessed":              {of(7, 2, 2), of(9, 1, 2)},
		"the larger of two that are":         {of(9, 2, 2), of(7, 3, 2)},
		"one cosignature, where none needed": {of(7, 1, 0), of(9, 0, 0)},
		"of one size, with more":             {of(9, 2, 1), of(9, 1, 1)},
	} {
		if rank(tt.better, tt.worse) <= 0 || rank(tt.worse, tt.better) >= 0 {
			t.Errorf("%s is not better", name)
		}
	}
}
