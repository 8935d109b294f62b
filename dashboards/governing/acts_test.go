package governing_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/zone"
)

// logged is everything that a console logs, one JSON object a line.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// act is what the log tells of an act.
type act struct {
	Msg      string `json:"msg"`
	Route    string `json:"route"`
	User     string `json:"user"`
	Role     string `json:"role"`
	How      string `json:"how"`
	Status   int    `json:"status"`
	Record   string `json:"record"`
	Position uint64 `json:"position"`
}

// acts are those so far, oldest first. There must be so many: a line is written after
// its answer.
func (w *world) acts(want int) (all []act) {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		all = nil
		for line := range strings.Lines(w.log.String()) {
			var one act
			must(w.t, json.Unmarshal([]byte(line), &one))
			if one.Msg == "somebody acted in the console" {
				all = append(all, one)
			}
		}
		if len(all) >= want || time.Now().After(end) {
			break
		}
	}
	if len(all) != want {
		w.t.Fatalf("the log tells %d acts, want %d:\n%s", len(all), want, w.log)
	}
	return all
}

// tellsNothingOf demands that the log has not even the beginnings of these, in
// whatever spelling.
func (w *world) tellsNothingOf(all ...[]byte) {
	w.t.Helper()
	text := w.log.String()
	for _, data := range all {
		head := data[:min(30, len(data))]
		for _, spelled := range []string{string(head), base64.StdEncoding.EncodeToString(head), hex.EncodeToString(head)} {
			if strings.Contains(text, spelled) {
				w.t.Errorf("the log tells %q", spelled)
			}
		}
	}
}

// TestRecordsAreLogged: the log says who handed in which record and where it stands,
// and nothing of what it says; of what was refused it names no record.
func TestRecordsAreLogged(t *testing.T) {
	w := newWorld(t)
	const reason = "a reason that is nobody's business but the ledger's"
	data := w.signed(zone.HaltRecord(w.scope("tool:file-read"), reason), "g1")
	status, told := w.ask("/records", envelope{data})
	if status != http.StatusOK {
		t.Fatal(status, told)
	}
	w.role = surface.Approver
	if status, told := w.ask("/records", envelope{data}); status != http.StatusForbidden {
		t.Error(status, told)
	}
	w.role = surface.Operator
	if status, told := w.ask("/records", envelope{data[1:]}); status != http.StatusBadRequest {
		t.Error(status, told)
	}
	env, err := trust.ParseEnvelope(data)
	must(t, err)
	const route = "POST /api/v1/governance/records"
	want := []act{
		{Route: route, Role: "operator", Status: http.StatusOK, Record: trust.DigestOf(env.Payload).String(), Position: positionOf(t, told)},
		{Route: route, Role: "approver", Status: http.StatusForbidden},
		{Route: route, Role: "operator", Status: http.StatusBadRequest},
	}
	w.logs(want)
	w.tellsNothingOf(data, env.Payload, env.Signatures[0].Sig, []byte(reason))
}

// logs demands these acts and no others, all by the one who asks in tests.
func (w *world) logs(want []act) {
	w.t.Helper()
	for i, got := range w.acts(len(want)) {
		want[i].Msg, want[i].User, want[i].How = got.Msg, "test", "test"
		if got != want[i] {
			w.t.Errorf("act %d is told as %+v, want %+v", i, got, want[i])
		}
	}
}

func positionOf(t *testing.T, told map[string]any) uint64 {
	t.Helper()
	position, ok := told["position"].(float64)
	if !ok || position < 1 {
		t.Fatalf("it stands nowhere: %v", told)
	}
	return uint64(position)
}
