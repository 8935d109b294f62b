package governing_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards"
	"github.com/portcullis-dev/portcullis/dashboards/governing"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// world is a zone whose governors' signing keys are nowhere near its console.
type world struct {
	t      *testing.T
	fabric *fabric.Fabric
	zone   *zone.Zone
	url    string
	role   surface.Role
	keys   map[string]*trust.SigningKey
	log    *logged // of the console
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home", Governors: 2})
	must(t, err)
	return worldOf(t, f)
}

func worldOf(t *testing.T, f *fabric.Fabric) *world {
	t.Helper()
	w := &world{t: t, fabric: f, role: surface.Operator, keys: map[string]*trust.SigningKey{}, log: &logged{}}
	log := slog.New(slog.DiscardHandler)
	z, err := zone.Open(t.Context(), zone.Config{Fabric: f, Logger: log, Port: -1, Handlers: handlers})
	must(t, err)
	t.Cleanup(z.Close)
	w.zone = z
	for _, name := range []string{"g1", "g2"} {
		governor, err := f.Governor(name)
		must(t, err)
		w.keys[name] = governor.Key
		must(t, os.Remove(filepath.Join(f.Dir, "governors", name, "signing.pem")))
	}
	must(t, z.StartAll(t.Context()))
	ready, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, z.Ready(ready))
	told := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g := governing.New(governing.Config{Fabric: f, Broker: z.Broker(), Logger: told, Read: func(ctx context.Context) (*streams.Conn, error) {
		return zone.ConnectReader(ctx, f, z.Broker(), log)
	}})
	t.Cleanup(g.Close)
	h, err := dashboards.New(dashboards.Config{Access: w, Routes: g.Routes(), Logger: told, About: dashboards.About{Zone: "home"}})
	must(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func handlers(_ string, tools []string) (map[string]executor.Handler, error) {
	all := map[string]executor.Handler{}
	for _, tool := range tools {
		all[tool] = executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	}
	return all, nil
}

// Who is in whatever role the test says.
func (w *world) Who(*http.Request) (surface.User, error) {
	return surface.User{Name: "test", Role: w.role, How: "test"}, nil
}

// Routes are none.
func (*world) Routes() []surface.Route { return nil }

// ask asks, with a body if there is one, and returns the status and the JSON.
func (w *world) ask(path string, body any) (status int, told map[string]any) {
	w.t.Helper()
	method, in := http.MethodGet, io.Reader(nil)
	if body != nil {
		data, err := json.Marshal(body)
		must(w.t, err)
		method, in = http.MethodPost, bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/v1/governance"+path, in)
	must(w.t, err)
	answer, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer answer.Body.Close()
	must(w.t, json.NewDecoder(answer.Body).Decode(&told))
	return answer.StatusCode, told
}

// signed is a governance record as a governor's browser would hand it in.
func (w *world) signed(record *pb.Governance, names ...string) []byte {
	w.t.Helper()
	for _, name := range names {
		pem, err := w.keys[name].MarshalPEM()
		must(w.t, err)
		must(w.t, os.WriteFile(w.signingPEM(name), pem, 0o600))
	}
	data, err := w.fabric.SignGovernance(record, names...)
	must(w.t, err)
	for _, name := range names {
		must(w.t, os.Remove(w.signingPEM(name)))
	}
	return data
}

func (w *world) signingPEM(name string) string {
	return filepath.Join(w.fabric.Dir, "governors", name, "signing.pem")
}

func (w *world) scope(text string) *pb.Scope {
	w.t.Helper()
	scope, err := governance.ParseScope(text, w.fabric.TrustDomain, w.fabric.Zone)
	must(w.t, err)
	return scope
}

type envelope struct {
	Envelope []byte `json:"envelope"`
}

func digestOf(t *testing.T, text any) trust.Digest {
	t.Helper()
	id, ok := text.(string)
	if !ok {
		t.Fatalf("%v is no digest", text)
	}
	d, err := trust.ParseDigest(id)
	must(t, err)
	return d
}

// TestNoSigningKeyIsNeeded: the console reads, halts and resumes while no governor's
// signing key is in its folder; what it carries, others have signed.
func TestNoSigningKeyIsNeeded(t *testing.T) {
	w := newWorld(t)
	status, state := w.ask("", nil)
	if status != http.StatusOK || len(state["halts"].([]any)) != 0 { //nolint:errcheck,forcetypeassert // the route's own JSON
		t.Fatal(status, state)
	}
	status, halted := w.ask("/records", envelope{w.signed(zone.HaltRecord(w.scope("tool:file-read"), "test"), "g1")})
	if status != http.StatusOK || halted["kind"] != "halt" || halted["scope"] != "tool:file-read" {
		t.Fatal(status, halted)
	}
	id := digestOf(t, halted["id"])
	if _, found := w.ask("/records/"+id.String(), nil); found["stands"] != true || found["position"] != halted["position"] {
		t.Error(found)
	}
	resume := zone.ResumeRecord([]trust.Digest{id}, "over")
	if status, told := w.ask("/records", envelope{w.signed(resume, "g1")}); status != http.StatusUnprocessableEntity {
		t.Error("one of two lifts it:", status, told)
	}
	if status, told := w.ask("/records", envelope{w.signed(resume, "g1", "g2")}); status != http.StatusOK || told["kind"] != "resume" {
		t.Error(status, told)
	}
	if _, state := w.ask("", nil); len(state["halts"].([]any)) != 0 { //nolint:errcheck,forcetypeassert // the route's own JSON
		t.Error(state["halts"])
	}
}

// TestRoles: who looks may not act, and who answers may not halt.
func TestRoles(t *testing.T) {
	w := newWorld(t)
	halt := envelope{w.signed(zone.HaltRecord(w.scope("global"), "test"), "g1")}
	resume := envelope{w.signed(zone.ResumeRecord([]trust.Digest{{1}}, "over"), "g1", "g2")}
	scope := map[string]string{"scope": "global"}
	for _, test := range []struct {
		role   surface.Role
		path   string
		body   any
		status int
	}{
		{surface.Anyone, "", nil, http.StatusUnauthorized},
		{surface.Anyone, "/records", halt, http.StatusUnauthorized},
		{surface.Anyone, "/records", resume, http.StatusUnauthorized},
		{surface.Anyone, "/approvals", halt, http.StatusUnauthorized},
		{surface.Viewer, "", nil, http.StatusOK},
		{surface.Viewer, "/preview", scope, http.StatusOK},
		{surface.Viewer, "/approvals", nil, http.StatusOK},
		{surface.Viewer, "/resume/preview", map[string][]string{"halts": {}}, http.StatusBadRequest}, // may, and it names nothing
		{surface.Viewer, "/records", halt, http.StatusForbidden},
		{surface.Viewer, "/records", resume, http.StatusForbidden},
		{surface.Viewer, "/approvals", halt, http.StatusForbidden},
		{surface.Approver, "/records", halt, http.StatusForbidden},
		{surface.Approver, "/records", resume, http.StatusForbidden},
		{surface.Approver, "/approvals", halt, http.StatusBadRequest}, // may, and it is no approval
		{surface.Operator, "/approvals", halt, http.StatusBadRequest},
		{surface.Operator, "/records", resume, http.StatusUnprocessableEntity}, // may, and it lifts nothing
		{surface.Operator, "/records", halt, http.StatusOK},
	} {
		w.role = test.role
		if status, told := w.ask(test.path, test.body); status != test.status {
			t.Errorf("%s at %q: %d, want %d: %v", test.role, test.path, status, test.status, told)
		}
	}
}

// TestRecordsThatAreRefused: what is no halt and no resume of this ledger is never
// appended.
func TestRecordsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	halt := zone.HaltRecord(w.scope("global"), "test")
	good := w.signed(halt, "g1")
	foreign := zone.HaltRecord(w.scope("global"), "test")
	foreign.Ledger = make([]byte, 32)
	revoke := &pb.Governance{Record: &pb.Governance_Revoke{Revoke: &pb.Revoke{Subject: &pb.Revoke_SpiffeId{SpiffeId: "spiffe://example.test/home/agent/scout"}, Reason: "x"}}}
	approval, err := trust.Seal("application/vnd.portcullis.approval.v1+protobuf", []byte("x"), w.keys["g1"])
	must(t, err)
	for name, test := range map[string]struct {
		body   any
		status int
		says   string
	}{
		"nothing":           {envelope{}, http.StatusBadRequest, "payload_type"},
		"no envelope":       {envelope{[]byte("halt!")}, http.StatusBadRequest, "not an envelope"},
		"cut off":           {envelope{good[:len(good)-1]}, http.StatusBadRequest, "not an envelope"},
		"of another ledger": {envelope{w.signed(foreign, "g1")}, http.StatusBadRequest, "for ledger 00000000"},
		"a revocation":      {envelope{w.signed(revoke, "g1")}, http.StatusBadRequest, "it is a revoke"},
		"another kind":      {envelope{approval}, http.StatusBadRequest, "no governance record"},
		"more than it":      {map[string]any{"envelope": good, "force": true}, http.StatusBadRequest, "unknown field"},
		"too much":          {envelope{make([]byte, 2<<20)}, http.StatusRequestEntityTooLarge, "at most"},
		"a resume of nothing": {
			envelope{w.signed(zone.ResumeRecord([]trust.Digest{{1}}, "x"), "g1", "g2")}, http.StatusUnprocessableEntity, "take no effect",
		},
	} {
		status, told := w.ask("/records", test.body)
		text, _ := json.Marshal(told) //nolint:errchkjson // it was JSON before
		if status != test.status || !strings.Contains(string(text), test.says) {
			t.Errorf("%s: %d %s; want %d %q", name, status, text, test.status, test.says)
		}
	}
	if _, found := w.ask("/records/"+strings.Repeat("0", 64), nil); found["stands"] != false {
		t.Error(found)
	}
	if _, state := w.ask("", nil); len(state["halts"].([]any)) != 0 { //nolint:errcheck,forcetypeassert // the route's own JSON
		t.Error("something was appended:", state["halts"])
	}
}

// TestConfirmations: a halt is told to stand when it took effect, then who confirms
// it; a stranger's halt is told to be void.
func TestConfirmations(t *testing.T) {
	w := newWorld(t)
	_, halted := w.ask("/records", envelope{w.signed(zone.HaltRecord(w.scope("global"), "test"), "g1")})
	events := w.stream(halted["position"])
	if !strings.Contains(events, "event: stands") || !strings.Contains(events, `"executor":"x1"`) || !strings.Contains(events, `"settled":true`) {
		t.Error(events)
	}
	stranger, err := trust.GenerateKey()
	must(t, err)
	env, err := trust.ParseEnvelope(w.signed(zone.HaltRecord(w.scope("global"), "mine"), "g2"))
	must(t, err)
	noise, err := trust.Seal(env.PayloadType, env.Payload, stranger)
	must(t, err)
	status, told := w.ask("/records", envelope{noise}) // a halt is held back by nothing: the ledger judges it
	if events := w.stream(told["position"]); status != http.StatusOK || !strings.Contains(events, "event: void") || strings.Contains(events, "event: stands") {
		t.Error(status, events)
	}
}

// stream reads the confirmations of a position to their end.
func (w *world) stream(position any) string {
	w.t.Helper()
	text, err := json.Marshal(position)
	must(w.t, err)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/api/v1/governance/records/"+string(text)+"/confirmations", nil)
	must(w.t, err)
	answer, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer answer.Body.Close()
	events, err := io.ReadAll(answer.Body)
	must(w.t, err)
	return string(events)
}

// TestWithoutASeat: where no governor's connection is here, looking works and nothing
// is sent; the answer says how to mend it.
func TestWithoutASeat(t *testing.T) {
	w := newWorld(t)
	halt := envelope{w.signed(zone.HaltRecord(w.scope("global"), "test"), "g1")}
	if status, _ := w.ask("", nil); status != http.StatusOK { // the reader's connection is open
		t.Fatal(status)
	}
	for _, name := range []string{"g1", "g2"} {
		must(t, os.Remove(filepath.Join(w.fabric.Dir, "governors", name, "nats.nk")))
	}
	status, told := w.ask("/records", halt)
	mend, _ := told["mend"].(string)
	if status != http.StatusServiceUnavailable || !strings.Contains(mend, "nats.nk") {
		t.Error(status, told)
	}
	if _, state := w.ask("", nil); state["carries"].(map[string]any)["able"] != false { //nolint:errcheck,forcetypeassert // the route's own JSON
		t.Error(state["carries"])
	}
}
