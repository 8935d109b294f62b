package vitals

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// world is a zone, and vitals that follow it.
type world struct {
	*Vitals
	opened atomic.Int64
	broken atomic.Bool
}

var errBroken = errors.New("there is no broker")

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	z, err := zone.Open(t.Context(), zone.Config{Fabric: f, Logger: log, Port: -1, Handlers: nothing})
	must(t, err)
	t.Cleanup(z.Close)
	must(t, z.StartAll(t.Context()))
	w := new(world)
	w.Vitals, err = New(Config{Zone: f.Zone, Ledger: f.Ledger, Clock: time.Now, Open: func(ctx context.Context) (*streams.Conn, error) {
		w.opened.Add(1)
		if w.broken.Load() {
			return nil, errBroken
		}
		return zone.ConnectReader(ctx, f, z.Broker(), log)
	}})
	must(t, err)
	t.Cleanup(w.Close)
	return w
}

func nothing(_ string, tools []string) (map[string]executor.Handler, error) {
	all := map[string]executor.Handler{}
	for _, tool := range tools {
		all[tool] = executor.HandlerFunc(func(context.Context, executor.Action) (executor.Result, error) { return executor.Result{}, nil })
	}
	return all, nil
}

// route is the one whose path ends so.
func (w *world) route(t *testing.T, pattern string) surface.Route {
	t.Helper()
	for _, r := range w.Routes() {
		if r.Pattern == pattern {
			return r
		}
	}
	t.Fatalf("no route %s", pattern)
	return surface.Route{}
}

func (w *world) ask(t *testing.T, path string) map[string]any {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	answer := httptest.NewRecorder()
	must(t, w.route(t, "GET "+r.URL.Path).Handle(answer, r))
	var told map[string]any
	must(t, json.Unmarshal(answer.Body.Bytes(), &told))
	return told
}

// eventually waits, patiently, until so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

const (
	seriesPath   = "/api/v1/health/series"
	findingsPath = "/api/v1/health/findings"
)

func (w *world) known(t *testing.T) bool {
	t.Helper()
	return w.ask(t, seriesPath)["whole"] != nil
}

func (w *world) follows() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end != nil
}

// TestLife: nothing is opened before somebody looks, one follower serves all who do, it
// ends when nobody has for a while, and begins anew with nothing known.
func TestLife(t *testing.T) {
	w := newWorld(t)
	if n := w.opened.Load(); n != 0 || w.follows() {
		t.Fatalf("opened %d times for nobody", n)
	}
	if told := w.ask(t, seriesPath); told["unknown"] != errReading.Error() {
		t.Errorf("before anything was read: unknown is %v", told["unknown"])
	}
	eventually(t, "figures", func() bool { return w.known(t) })
	report := map[string]any{}
	w.More(t.Context(), &zone.Status{At: time.Now()}, report)
	if _, unknown := report["vitals"].(map[string]string); unknown || report["vitals"] == nil {
		t.Errorf("the report has %v", report["vitals"])
	}
	w.ask(t, findingsPath)
	if n := w.opened.Load(); n != 1 {
		t.Errorf("opened %d times at once", n)
	}
	w.mu.Lock()
	w.asked = time.Now().Add(-2 * idleAfter) // nobody looked since
	w.mu.Unlock()
	eventually(t, "following ends", func() bool { return !w.follows() })
	if told := w.ask(t, seriesPath); told["unknown"] != errReading.Error() || told["whole"] != nil {
		t.Errorf("what was counted long ago is told as if it were now: %v", told["whole"])
	}
	eventually(t, "figures again", func() bool { return w.known(t) })
	if n := w.opened.Load(); n != 2 {
		t.Errorf("opened %d times", n)
	}
	w.Close()
	w.ask(t, findingsPath)
	if n := w.opened.Load(); n != 2 {
		t.Error("opened after it was closed")
	}
}

// TestUnreadable: who cannot read says so and why, with no figure of the ledger, and tries
// again.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	w.broken.Store(true)
	eventually(t, "it says so", func() bool { return w.ask(t, seriesPath)["unknown"] == errBroken.Error() })
	told := w.ask(t, seriesPath)
	if columns, ok := told["columns"].(map[string]any); !ok || len(columns) != 0 || told["whole"] != nil {
		t.Errorf("figures of what cannot be read: %v", told)
	}
	report := map[string]any{}
	w.More(t.Context(), &zone.Status{At: time.Now()}, report)
	if why, ok := report["vitals"].(map[string]string); !ok || why["unknown"] != errBroken.Error() {
		t.Errorf("the report has %v", report["vitals"])
	}
	w.broken.Store(false)
	eventually(t, "figures", func() bool { return w.known(t) })
}

func TestRoutes(t *testing.T) {
	v, err := New(Config{Zone: "home", Ledger: trust.Digest{1}, Clock: time.Now, Open: func(context.Context) (*streams.Conn, error) { return nil, errBroken }})
	must(t, err)
	t.Cleanup(v.Close)
	w := &world{Vitals: v}
	for _, r := range w.Routes() {
		if r.Needs != surface.Viewer {
			t.Errorf("%s needs %s", r.Pattern, r.Needs)
		}
	}
	for _, seconds := range []string{"29", "901", "-1", "x", "1e2", "99999999999999999999"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, seriesPath+"?seconds="+seconds, nil)
		var problem *surface.Problem
		if err := w.route(t, "GET "+seriesPath).Handle(httptest.NewRecorder(), r); !errors.As(err, &problem) || problem.Status != http.StatusBadRequest {
			t.Errorf("seconds=%s: %v", seconds, err)
		}
	}
	for seconds, points := range map[string]int{"30": 30, "300": 150, "900": 150} {
		if times, ok := w.ask(t, seriesPath+"?seconds="+seconds)["time"].([]any); !ok || len(times) != points {
			t.Errorf("seconds=%s: %d points, want %d", seconds, len(times), points)
		}
	}
}
