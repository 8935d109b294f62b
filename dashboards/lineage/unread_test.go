package lineage_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
)

// told is what a route says, in words.
func told(tb testing.TB, h http.Handler, path string) (status int, body string) {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/api/v1/lineage/"+path, nil))
	return w.Code, w.Body.String()
}

func at(when time.Time) string {
	return "at?time=" + url.QueryEscape(when.Format(time.RFC3339Nano))
}

// stood is what stood at a time or position.
type stood struct {
	Standing history.Standing `json:"standing"`
	Held     projection.Held  `json:"held"`
}

// TestATimeOutsideTheLedgerSaysWhereItLies: nobody is shown what stood before the first
// record, or will stand after the newest.
func TestATimeOutsideTheLedgerSaysWhereItLies(t *testing.T) {
	f := newFlood(t, 1)
	h := f.served(0)
	held := caughtUp(t, h).Held
	var first, newest stood
	ask(t, h, "at/1", &first)
	if status, _ := ask(t, h, at(first.Standing.LogTime), &first); status != http.StatusOK || first.Standing.Position != 1 {
		t.Errorf("the first record's time: status %d, %+v", status, first.Standing)
	}
	if status, _ := ask(t, h, at(held.LogTime), &newest); status != http.StatusOK || newest.Standing.Position != held.Position {
		t.Errorf("the newest record's time: status %d, %+v, want position %d", status, newest.Standing, held.Position)
	}
	for when, says := range map[time.Time]string{
		first.Standing.LogTime.Add(-1): "before the ledger's first record, whose log time is " + first.Standing.LogTime.Format(time.RFC3339Nano),
		held.LogTime.Add(1):            "after the newest record, whose log time is " + held.LogTime.Format(time.RFC3339Nano),
	} {
		if status, body := told(t, h, at(when)); status != http.StatusNotFound || !strings.Contains(body, says) {
			t.Errorf("status %d: %s, want %q", status, body, says)
		}
	}
}

// TestWhatIsNotReadIsNotMissing: behind what may be remembered nothing is said not to
// be there.
func TestWhatIsNotReadIsNotMissing(t *testing.T) {
	f := newFlood(t, 2*perList+1)
	all, some := f.served(0), f.served(perList)
	newest := caughtUp(t, all)
	beyond := newest.Page.Intents[0]
	held := caughtUp(t, some).Held
	if held.Full == "" || held.Position >= held.Newest {
		t.Fatalf("%+v", held)
	}
	for _, path := range []string{"intents/" + beyond.Digest, "intents/" + beyond.Position, "intents/" + beyond.Digest + "/graph", "at/" + text(held.Newest), at(newest.Held.LogTime)} {
		if status, _ := told(t, all, path); status != http.StatusOK {
			t.Errorf("%s: status %d with all of it", path, status)
		}
		if status, body := told(t, some, path); status != http.StatusServiceUnavailable || !strings.Contains(body, "--remember") {
			t.Errorf("%s: status %d: %s", path, status, body)
		}
	}
	var page found
	if status, _ := ask(t, some, "intents?limit=200", &page); status != http.StatusOK || page.Held.Full == "" || page.Page.Total >= newest.Page.Total || page.Page.Total < perList {
		t.Errorf("status %d, %+v, %d intents", status, page.Held, page.Page.Total)
	}
}
