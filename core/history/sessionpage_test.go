package history_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// TestSessionPages: pages of a session are the session, cut.
func TestSessionPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		for _, agent := range []string{"alice", "bob"} {
			for _, name := range w.history.Sessions(spiffe(agent)) {
				whole, found := w.history.Session(spiffe(agent), name)
				if !found {
					t.Fatalf("%s has no session %q, and it is listed", agent, name)
				}
				skip, most := rapid.IntRange(0, len(whole.Links)+1).Draw(t, "skip"), rapid.IntRange(0, len(whole.Links)+1).Draw(t, "most")
				page, total := w.history.SessionPage(spiffe(agent), name, skip, most)
				want := whole.Links[min(skip, len(whole.Links)):]
				want = want[:min(most, len(want))]
				if total != len(whole.Links) || len(page.Links) != len(want) {
					t.Fatalf("%d of %d from %d: %d, total %d", most, len(whole.Links), skip, len(page.Links), total)
				}
				for i, link := range page.Links {
					if !reflect.DeepEqual(link, want[i]) {
						t.Fatalf("link %d is %+v, want %+v", i, link, want[i])
					}
				}
			}
		}
	})
}
