package local

import (
	"testing"
	"time"
)

// TestFresh: a permit that is old, from another clock, or over starts nothing.
func TestFresh(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	said := Go{Intent: "i", Boot: int64(time.Hour), Deadline: now.Add(time.Minute)}
	for name, tc := range map[string]struct {
		change func(*Go)
		boot   time.Duration
		fresh  bool
	}{
		"at once":            {func(*Go) {}, time.Hour, true},
		"just in time":       {func(*Go) {}, time.Hour + StartWithin - 1, true},
		"too late":           {func(*Go) {}, time.Hour + StartWithin, false},
		"from the future":    {func(*Go) {}, time.Hour - 1, false},
		"no clock here":      {func(*Go) {}, 0, false},
		"no clock there":     {func(g *Go) { g.Boot = 0 }, time.Millisecond, false},
		"after its deadline": {func(g *Go) { g.Deadline = now }, time.Hour, false},
	} {
		g := said
		tc.change(&g)
		if err := fresh(g, tc.boot, now); (err == nil) != tc.fresh {
			t.Errorf("%s: %v", name, err)
		}
	}
	if (Go{}).Fresh() == nil {
		t.Error("no permit at all is fresh")
	}
}

// TestUsedRemembersTheNewest keys, and forgets the oldest only.
func TestUsedRemembersTheNewest(t *testing.T) {
	u := newUsed(2)
	for _, key := range []string{"a", "b", "c"} {
		u.add(key)
	}
	if u.has("a") || !u.has("b") || !u.has("c") || u.has("") {
		t.Errorf("%v", u.keys)
	}
}
