package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/dashboards"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// teller tells what the test sends it, until the test ends it.
type teller struct {
	events chan Event
	ends   chan error
	gone   chan struct{} // closed when it has ended
}

func newTeller() *teller {
	return &teller{events: make(chan Event), ends: make(chan error), gone: make(chan struct{})}
}

func (s *teller) tell(ctx context.Context, hear func(Event) error) error {
	defer close(s.gone)
	for {
		select {
		case e := <-s.events:
			if err := hear(e); err != nil {
				return err
			}
		case err := <-s.ends:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type somebody surface.Role

func (s somebody) Who(*http.Request) (surface.User, error) {
	return surface.User{Name: "somebody", Role: surface.Role(s)}, nil
}
func (somebody) Routes() []surface.Route { return nil }

func serve(t *testing.T, d *Demo, role surface.Role) *httptest.Server {
	t.Helper()
	h, err := dashboards.New(dashboards.Config{Access: somebody(role), Routes: d.Routes(), Logger: slog.New(slog.DiscardHandler), About: dashboards.About{Zone: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	t.Cleanup(d.Close)
	return server
}

func ask[T any](t *testing.T, server *httptest.Server, method, path string, status int) (answer T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	if w.StatusCode != status {
		t.Fatalf("%s %s gives %d, want %d", method, path, w.StatusCode, status)
	}
	if err := json.NewDecoder(w.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func word(n int) Event { return Event{Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))} }

// listen reads a stream's events as "event data".
func listen(t *testing.T, server *httptest.Server) func() string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/demo/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Body.Close() })
	lines := bufio.NewScanner(w.Body)
	return func() string {
		event := ""
		for lines.Scan() {
			if name, found := strings.CutPrefix(lines.Text(), "event: "); found {
				event = name
			}
			data, found := strings.CutPrefix(lines.Text(), "data: ")
			if !found {
				continue
			}
			var s State
			if event == "state" && json.Unmarshal([]byte(data), &s) == nil {
				data = s.State
			}
			return event + " " + data
		}
		t.Fatal("the stream has ended", lines.Err())
		return ""
	}
}

func expect(t *testing.T, next func() string, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := next(); got != w {
			t.Fatalf("%q, want %q", got, w)
		}
	}
}

// TestOneDemo: who listens early and who listens late hear the same; a second one is
// refused while the first runs.
func TestOneDemo(t *testing.T) {
	s := newTeller()
	server := serve(t, New(Config{Tell: s.tell, Within: time.Minute}), surface.Operator)
	if got := ask[State](t, server, http.MethodGet, "/api/v1/demo", http.StatusOK); got.State != "never" {
		t.Error(got)
	}
	early := listen(t, server)
	expect(t, early, "state never")
	ask[State](t, server, http.MethodPost, "/api/v1/demo", http.StatusOK)
	expect(t, early, "state running")
	s.events <- word(1)
	expect(t, early, `told {"n":1}`)
	problem := ask[surface.Problem](t, server, http.MethodPost, "/api/v1/demo", http.StatusConflict)
	if !strings.Contains(problem.Detail, "ends within 1m0s") || problem.Mend == "" {
		t.Error(problem)
	}
	late := listen(t, server)
	expect(t, late, "state running", `told {"n":1}`)
	s.events <- word(2)
	s.ends <- nil
	expect(t, early, `told {"n":2}`, "state told")
	expect(t, late, `told {"n":2}`, "state told")
	expect(t, listen(t, server), "state running", `told {"n":1}`, `told {"n":2}`, "state told")
}

// TestAnother: pages hear the next demo from its beginning.
func TestAnother(t *testing.T) {
	s := newTeller()
	d := New(Config{Tell: func(ctx context.Context, hear func(Event) error) error { return s.tell(ctx, hear) }, Within: time.Minute})
	server := serve(t, d, surface.Operator)
	ask[State](t, server, http.MethodPost, "/api/v1/demo", http.StatusOK)
	s.events <- word(1)
	s.ends <- errors.New("no room")
	<-s.gone
	next := listen(t, server)
	expect(t, next, "state running", `told {"n":1}`, "state failed")
	if got := ask[State](t, server, http.MethodGet, "/api/v1/demo", http.StatusOK); got.Why != "no room" {
		t.Error(got)
	}
	s = newTeller()
	ask[State](t, server, http.MethodPost, "/api/v1/demo", http.StatusOK)
	s.events <- word(7)
	expect(t, next, "state running", `told {"n":7}`)
}

// TestStop waits until nothing is left, and so does Close, after which none begins.
func TestStop(t *testing.T) {
	s := newTeller()
	d := New(Config{Tell: func(ctx context.Context, hear func(Event) error) error { return s.tell(ctx, hear) }, Within: time.Minute})
	server := serve(t, d, surface.Operator)
	ask[State](t, server, http.MethodPost, "/api/v1/demo", http.StatusOK)
	if got := ask[State](t, server, http.MethodDelete, "/api/v1/demo", http.StatusOK); got.State != "stopped" {
		t.Error(got)
	}
	<-s.gone
	s = newTeller()
	ask[State](t, server, http.MethodPost, "/api/v1/demo", http.StatusOK)
	d.Close()
	select {
	case <-s.gone:
	default:
		t.Error("it plays on behind Close")
	}
	ask[surface.Problem](t, server, http.MethodPost, "/api/v1/demo", http.StatusServiceUnavailable)
}

// TestBounds: neither time nor memory is without end.
func TestBounds(t *testing.T) {
	for name, tell := range map[string]func(context.Context, func(Event) error) error{
		"events": func(_ context.Context, hear func(Event) error) error {
			for {
				if err := hear(word(0)); err != nil {
					return err
				}
			}
		},
		"bytes": func(_ context.Context, hear func(Event) error) error {
			return hear(Event{Data: json.RawMessage(`{}`), Record: &Record{Seq: 1, Envelope: make([]byte, mostBytes)}})
		},
		"time": func(ctx context.Context, _ func(Event) error) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			d := New(Config{Tell: tell, Within: 50 * time.Millisecond})
			if name != "time" {
				d.cfg.Within = time.Minute
			}
			if _, err := d.begin("a"); err != nil {
				t.Fatal(err)
			}
			<-d.last.done
			if s := d.state(); s.State != "failed" || s.Why == "" || s.Events > mostEvents {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestRoles: watching is for viewers, beginning and ending for operators.
func TestRoles(t *testing.T) {
	d := New(Config{Tell: newTeller().tell, Within: time.Minute})
	server := serve(t, d, surface.Approver)
	ask[surface.Problem](t, server, http.MethodPost, "/api/v1/demo", http.StatusForbidden)
	ask[surface.Problem](t, server, http.MethodDelete, "/api/v1/demo", http.StatusForbidden)
	ask[State](t, server, http.MethodGet, "/api/v1/demo", http.StatusOK)
	stranger := serve(t, d, surface.Anyone)
	for _, path := range []string{"", "/events", "/records/1", "/reasons"} {
		ask[surface.Problem](t, stranger, http.MethodGet, "/api/v1/demo"+path, http.StatusUnauthorized)
	}
}

func TestReasons(t *testing.T) {
	server := serve(t, New(Config{Within: time.Minute}), surface.Viewer)
	all := ask[map[string]string](t, server, http.MethodGet, "/api/v1/demo/reasons", http.StatusOK)
	if len(all) != len(schemas.Reasons()) || all["intent.forged"] != schemas.ReasonText(pb.Reason_REASON_INTENT_FORGED) {
		t.Error(all)
	}
}

// TestRecords: what stands on the ledger is shown as far as it can be read, and never
// more than was told.
func TestRecords(t *testing.T) {
	item, err := proto.Marshal(&pb.Claim{Executor: "spiffe://a/b/executor/x1"})
	if err != nil {
		t.Fatal(err)
	}
	envelope := func(kind schemas.Kind, items ...[]byte) []byte {
		payload, err := proto.Marshal(&pb.List{Ledger: make([]byte, 32), Items: items})
		if err != nil {
			t.Fatal(err)
		}
		data, err := proto.Marshal(&pb.Envelope{PayloadType: kind.PayloadType(), Payload: payload, Signatures: []*pb.Signature{{KeyId: []byte{0xab}, Sig: []byte{0xcd}}}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	s := newTeller()
	server := serve(t, New(Config{Tell: s.tell, Within: time.Minute}), surface.Operator)
	ask[State](t, server, http.MethodPost, "/api/v1/demo", http.StatusOK)
	for seq, data := range [][]byte{
		envelope(schemas.KindClaim, item), envelope(schemas.KindPulse), envelope(schemas.KindClaim, []byte("no claim")), []byte("<script>"), nil,
	} {
		s.events <- Event{Data: json.RawMessage(`{}`), Record: &Record{Seq: uint64(seq) + 1, Envelope: data, Lines: []json.RawMessage{json.RawMessage(`{"text":"x"}`)}}}
	}
	s.ends <- nil
	<-s.gone
	for at, want := range map[string]struct{ item, defect string }{
		"1.0": {`{"executor":"spiffe://a/b/executor/x1"}`, ""},
		"1":   {`{"executor":"spiffe://a/b/executor/x1"}`, ""},
		"2.0": {"", "is that of no list"},
		"3.0": {"", "item 0"},
		"4.0": {"", "no envelope"},
	} {
		got := ask[shownRecord](t, server, http.MethodGet, "/api/v1/demo/records/"+at, http.StatusOK)
		if items := string(joined(got.Items)); items != want.item || !strings.Contains(got.Defect, want.defect) || (want.defect == "") != (got.Defect == "") || len(got.Lines) != 1 {
			t.Errorf("%s: %s %q", at, items, got.Defect)
		}
	}
	got := ask[shownRecord](t, server, http.MethodGet, "/api/v1/demo/records/1.0", http.StatusOK)
	if got.Envelope.Signatures[0] != (shownSignature{"ab", "cd"}) || len(got.SHA256) != 64 {
		t.Errorf("%+v", got.Envelope)
	}
	ask[surface.Problem](t, server, http.MethodGet, "/api/v1/demo/records/99.0", http.StatusNotFound)
	for _, bad := range []string{"x", "-1", "1.0.0", "..%2f1", "999999999999999999999"} {
		ask[surface.Problem](t, server, http.MethodGet, "/api/v1/demo/records/"+bad, http.StatusBadRequest)
	}
}

func joined(items []json.RawMessage) (all []byte) {
	for _, i := range items {
		all = append(all, i...)
	}
	return all
}
