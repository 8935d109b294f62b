package history_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
)

// positions are all at which something about an intent stands.
func positions(in history.Intent) []string {
	all := append([]string{in.Position}, in.Resent...)
	for _, d := range in.Decisions {
		all = append(all, d.Position)
	}
	for _, a := range in.Approvals {
		all = append(all, a.Position)
	}
	for _, c := range in.Claims {
		all = append(all, c.Position)
	}
	for _, o := range in.Outcomes {
		all = append(all, o.Position)
	}
	return all
}

// finds checks an answer against how many are meant: none, this one, or several.
func finds(t *rapid.T, h *history.History, text string, meant []string) {
	got, err := h.Find(text)
	switch {
	case len(meant) == 0 && !errors.Is(err, history.ErrNotFound), len(meant) > 1 && !errors.Is(err, history.ErrAmbiguous):
		t.Fatalf("%s means %v, and is %v", text, meant, err)
	case len(meant) == 1 && (err != nil || got.String() != meant[0]):
		t.Fatalf("%s means %s, and is %s, %v", text, meant[0], got, err)
	}
}

// TestFindIsALinearSearch: what Find looks up is what one finds who looks through all.
func TestFindIsALinearSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		all, err := w.history.Search(history.Query{Limit: history.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		at, digests := map[string][]string{}, []string{}
		for _, in := range all.Intents {
			digests = append(digests, in.Digest)
			for _, p := range positions(in) {
				if !slices.Contains(at[p], in.Digest) {
					at[p] = append(at[p], in.Digest)
				}
			}
		}
		for seq := range w.seq + 2 {
			for index := range uint32(3) {
				p := ledger.Position{Seq: seq, Index: index}
				if seq > 0 {
					finds(t, w.history, p.String(), at[p.String()])
				}
			}
		}
		for _, digest := range digests {
			for n := 4; n <= len(digest); n += 7 {
				if n <= 7 && strings.Trim(digest[:n], "0123456789") == "" {
					continue // it is a position
				}
				meant := slices.DeleteFunc(slices.Clone(digests), func(d string) bool { return !strings.HasPrefix(d, digest[:n]) })
				finds(t, w.history, digest[:n], meant)
			}
		}
	})
}

// TestSearchByAPartOfAResource: with and without other filters, what a look through all finds.
func TestSearchByAPartOfAResource(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		part := rapid.SampledFrom([]string{"", "notes", "t", "absent", "notes.txt"}).Draw(t, "part")
		agent := rapid.SampledFrom([]string{"", spiffe("alice")}).Draw(t, "agent")
		want := 0
		all, err := w.history.Search(history.Query{Limit: history.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all.Intents {
			if strings.Contains(r.Resource, part) && (agent == "" || r.Agent == agent) {
				want++
			}
		}
		page, err := w.history.Search(history.Query{Filter: history.Filter{Resource: part, Agent: agent}, Limit: 1})
		if err != nil || page.Total != want {
			t.Fatalf("%q of %q: %d, want %d, %v", part, agent, page.Total, want, err)
		}
	})
}
