package verdict

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Recount computes the state's digest from its entries: what the running sum
// must always equal.
func (s *State) Recount() trust.Digest {
	var all mix
	for key, held := range s.sessions {
		all.add(held.line(key))
	}
	for d, until := range s.seen {
		all.add(seenLine(d, until))
	}
	for key, b := range s.buckets {
		for _, c := range b.charges {
			all.add(c.line(key))
		}
	}
	for _, w := range s.waits {
		all.add(w.line())
	}
	return all.digest()
}

// TestMix compares the running sum with a set that is kept as a set.
func TestMix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var running mix
		held := map[string]bool{}
		for range rapid.IntRange(0, 60).Draw(t, "changes") {
			line := fmt.Sprint("line ", rapid.IntRange(0, 12).Draw(t, "line"))
			if held[line] {
				running.sub([]byte(line))
			} else {
				running.add([]byte(line))
			}
			held[line] = !held[line]
		}
		var want mix
		for line, in := range held {
			if in {
				want.add([]byte(line))
			}
		}
		if running != want {
			t.Fatal("the running sum is not that of the set")
		}
	})
}

// TestMixTellsApart: each line counts, and so does how often.
func TestMixTellsApart(t *testing.T) {
	var empty, one, two, twice mix
	one.add([]byte("a"))
	two.add([]byte("a"))
	two.add([]byte("b"))
	twice.add([]byte("a"))
	twice.add([]byte("a"))
	seen := map[trust.Digest]bool{}
	for _, m := range []mix{empty, one, two, twice} {
		seen[m.digest()] = true
	}
	if len(seen) != 4 {
		t.Errorf("four sets have %d digests", len(seen))
	}
}
