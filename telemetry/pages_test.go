package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func ask(t *testing.T, p Pages, method, path string) (status int, body string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestReady: a process is ready if each part of it is, and says of each why it is not.
func TestReady(t *testing.T) {
	able := Part{Role: "enforcer", Name: "e1", Able: true}
	for name, test := range map[string]struct {
		parts  func(context.Context) []Part
		status int
		body   string
	}{
		"nobody to ask": {nil, 503, "not ready: nothing has been started yet\n"},
		"no parts":      {func(context.Context) []Part { return nil }, 503, "not ready: nothing has been started yet\n"},
		"the zero part": {func(context.Context) []Part { return []Part{{}} }, 503, " : not ready: \n"},
		"all are able":  {func(context.Context) []Part { return []Part{able, able} }, 200, "enforcer e1: ready\nenforcer e1: ready\n"},
		"one is not": {
			func(context.Context) []Part {
				return []Part{able, {Role: "executor", Name: "x1", Why: "no pulse\nenforcer e2: ready"}}
			}, 503,
			"enforcer e1: ready\nexecutor x1: not ready: no pulse enforcer e2: ready\n",
		},
	} {
		if status, body := ask(t, Pages{Parts: test.parts}, http.MethodGet, "/readyz"); status != test.status || body != test.body {
			t.Errorf("%s: status %d %q", name, status, body)
		}
	}
}

func TestHealthz(t *testing.T) {
	if status, _ := ask(t, Pages{}, http.MethodGet, "/healthz"); status != http.StatusOK {
		t.Errorf("it lives, and says %d", status)
	}
	gone := Pages{Ended: func(context.Context) string { return "the executor has ended" }}
	if status, body := ask(t, gone, http.MethodGet, "/healthz"); status != http.StatusServiceUnavailable || body != "the executor has ended\n" {
		t.Errorf("status %d %q", status, body)
	}
}

// TestNothingElse: there is nothing to change, and nothing else to read.
func TestNothingElse(t *testing.T) {
	p := Pages{Meters: NewMeters()}
	for path, want := range map[string]int{"/": 404, "/debug/pprof/": 404, "/metrics/": 404} {
		if status, _ := ask(t, p, http.MethodGet, path); status != want {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		if status, _ := ask(t, p, http.MethodPost, path); status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	if status, _ := ask(t, Pages{}, http.MethodGet, "/metrics"); status != http.StatusNotFound {
		t.Errorf("metrics of a process that counts nothing: %d", status)
	}
}

// TestTooManyAsk: whoever asks keeps others waiting only so long; then they are turned
// away, and that is no readiness.
func TestTooManyAsk(t *testing.T) {
	asked, release := make(chan struct{}, askers+1), make(chan struct{})
	h := Pages{Parts: func(context.Context) []Part {
		asked <- struct{}{}
		<-release
		return []Part{{Able: true}}
	}}.Handler()
	get := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
		return w.Code
	}
	answers := make(chan int, askers)
	for range askers {
		go func() { answers <- get() }()
	}
	for range askers {
		<-asked
	}
	if status := get(); status != http.StatusServiceUnavailable {
		t.Errorf("one more than may ask: %d", status)
	}
	close(release)
	for range askers {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("one of those who may ask: %d", status)
		}
	}
}

// TestListenHere: without a host, no other machine can ask.
func TestListenHere(t *testing.T) {
	for _, address := range []string{":0", "127.0.0.1:0"} {
		l, err := Listen(t.Context(), address, Pages{Meters: NewMeters(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(l.Address(), "127.0.0.1:") {
			t.Errorf("%q listens at %s", address, l.Address())
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Address()+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), "go_goroutines") {
			t.Errorf("%v: %s", err, body)
		}
		_ = resp.Body.Close() // read to its end
		l.Close()
		if resp, err := http.DefaultClient.Do(r); err == nil {
			t.Error("it answers after it was closed")
			_ = resp.Body.Close() // nobody reads it
		}
	}
	for _, address := range []string{"", "9464", "127.0.0.1", "127.0.0.1:http-no", "256.0.0.1:0"} {
		if l, err := Listen(t.Context(), address, Pages{Logger: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%q: it listens at %s", address, l.Address())
			l.Close()
		}
	}
}
