package lineage

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards/projection"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
)

func explorer() *Explorer { return New(&fabric.Fabric{TrustDomain: "example.org", Zone: "z"}, nil) }

func asking(query string) *http.Request {
	return httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/api/v1/lineage/intents?"+query, nil)
}

func TestQuestionsThatCannotBeMeantAreRefused(t *testing.T) {
	for _, query := range []string{
		"colour=red", "tool=a&tool=b", "release=-1", "release=x", "first=1.5", "limit=0", "limit=many", "from=yesterday", "until=2026",
		"last=99999999999999999999",
	} {
		_, _, err := explorer().question(asking(query))
		var p *surface.Problem
		if !errors.As(err, &p) || p.Status != http.StatusBadRequest || p.Mend == "" {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestAQuestionIsReadWhole(t *testing.T) {
	q, key, err := explorer().question(asking(
		"agent=scout&session=s&tool=t&resource=r&release=2&verdict=DENY&reason=halted&state=denied&identity=i&key=abcd&first=3&last=9&after=5.0&limit=100000&from=2026-11-22T04:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	want := history.Filter{
		Agent: explorer().agent("scout"), Session: "s", Tool: "t", Resource: "r", Release: 2, Verdict: "DENY", Reason: "halted",
		State: history.StateDenied, Identity: "i", First: 3, Last: 9, From: q.From,
	}
	if q.From.IsZero() || key != "abcd" || q.After != "5.0" || !q.Newest || q.Limit != mostRows {
		t.Errorf("%+v, key %q", q, key)
	}
	if q.Filter != want {
		t.Errorf("%+v, want %+v", q.Filter, want)
	}
	if full := want.Agent; explorer().agent(full) != full || explorer().agent("") != "" {
		t.Error("a SPIFFE ID and no name stay as they are")
	}
}

func TestARecordThatCannotBeReadSaysWhy(t *testing.T) {
	for _, data := range [][]byte{nil, []byte("no envelope"), {0xff, 0xff}} {
		told := &rawRecord{Bytes: data}
		if told.open(); told.Unread == "" || len(told.Items) != 0 {
			t.Errorf("%q: %+v", data, told)
		}
	}
}

func TestWhatIsBeingReadIsNotMissing(t *testing.T) {
	for says, held := range map[string]projection.Held{
		"the rest is being read":     {Position: 3, Newest: 9, Reading: true},
		"the rest is not read: full": {Position: 3, Newest: 9, Full: "full"},
	} {
		var p *surface.Problem
		if err := problem(history.ErrNotFound, held); !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable ||
			!strings.Contains(p.Detail, "the first 3 of 9 records") || !strings.Contains(p.Detail, says) {
			t.Errorf("%+v: %v", held, err)
		}
	}
}
