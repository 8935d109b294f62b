package zone_test

import (
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/witness"
	"github.com/portcullis-dev/portcullis/zone"
)

// answering is the address of a server that answers so.
func answering(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

// replies answers every question with a status and a text.
func replies(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // who asks may have heard enough
	}
}

func TestAskBroker(t *testing.T) {
	if err := zone.AskBroker(t.Context(), answering(t, replies(200, `{"status":"ok"}`))); err != nil {
		t.Fatal(err)
	}
	withoutJetStream := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("js-enabled-only") == "true" {
			replies(503, `{"status":"unavailable","error":"JetStream not enabled"}`)(w, r)
			return
		}
		replies(200, `{"status":"ok"}`)(w, r)
	}
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, answering(t, replies(200, `{"status":"ok"}`)), http.StatusFound)
	}
	for what, answer := range map[string]http.HandlerFunc{
		"an error":            replies(503, `{"status":"unavailable","error":"JetStream has not established contact with a meta leader"}`),
		"an error, status ok": replies(200, `{"status":"unavailable","error":"stream is not current"}`),
		"ok, with an error":   replies(200, `{"status":"ok","error":"stream is not current"}`),
		"ok, status 500":      replies(500, `{"status":"ok"}`),
		"no JetStream":        withoutJetStream,
		"nothing":             replies(200, ""),
		"a page":              replies(200, "<html>ok</html>"),
		"a flood":             replies(200, strings.Repeat(" ", 1<<20)+`{"status":"ok"}`),
		"another place":       elsewhere,
	} {
		if err := zone.AskBroker(t.Context(), answering(t, answer)); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAskOnlyHere: another machine's health is not this one's.
func TestAskOnlyHere(t *testing.T) {
	for _, base := range []string{
		"", "127.0.0.1:8222", "https://127.0.0.1:8222", "http://example.com", "http://localhost:8222", "http://10.0.0.1:8222",
		"http://me:secret@127.0.0.1:8222", "http://127.0.0.1:8222/healthz", "http://127.0.0.1:8222?js-enabled-only=true", "http://127.0.0.1:1",
	} {
		if err := zone.AskBroker(t.Context(), base); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("broker %q: %v", base, err)
		}
		if err := zone.AskWitness(t.Context(), base); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("witness %q: %v", base, err)
		}
		if err := zone.AskConsole(t.Context(), base, nil); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("console %q: %v", base, err)
		}
	}
}

func TestAskConsole(t *testing.T) {
	about := replies(200, `{"trust_domain":"","zone":"","ledger":"","version":"v1","surfaces":[],"user":"","role":"","how":""}`)
	if err := zone.AskConsole(t.Context(), answering(t, about), nil); err != nil {
		t.Error(err)
	}
	secure := httptest.NewTLSServer(about)
	t.Cleanup(secure.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	if err := zone.AskConsole(t.Context(), secure.URL, roots); err != nil {
		t.Errorf("over TLS: %v", err)
	}
	for what, roots := range map[string]*x509.CertPool{"over TLS, of an authority that nobody named": nil, "over TLS, of a foreign authority": x509.NewCertPool()} {
		if err := zone.AskConsole(t.Context(), secure.URL, roots); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := zone.AskConsole(t.Context(), answering(t, about), roots); !errors.Is(err, zone.ErrUnwell) {
		t.Errorf("without the TLS that is asked for: %v", err)
	}
	for what, answer := range map[string]http.HandlerFunc{
		"one that fails":           replies(500, `{"version":"v1"}`),
		"something else with JSON": replies(200, `{"status":"ok"}`),
		"a page":                   replies(200, "<title>Portcullis</title>"),
	} {
		if err := zone.AskConsole(t.Context(), answering(t, answer), nil); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAskWitness(t *testing.T) {
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{Clock: time.Now, TrustDomain: "example.test", Zone: "home"})
	must(t, err)
	state, err := f.State()
	must(t, err)
	logs, err := zone.WitnessLogs(state)
	must(t, err)
	log, err := witness.ParseLog(logs[0])
	must(t, err)
	dir := filepath.Join(t.TempDir(), "w")
	_, err = witness.Generate(dir, "example.test/w1", false)
	must(t, err)
	w, err := witness.Open(witness.Config{Dir: dir, Logs: []witness.Log{log}, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer w.Close()
	if err := zone.AskWitness(t.Context(), answering(t, w.Handler().ServeHTTP)); err != nil {
		t.Errorf("a witness: %v", err)
	}
	for what, answer := range map[string]http.HandlerFunc{
		"one that cosigns anything": replies(200, ""),
		"one that knows no place":   replies(404, "404 page not found"),
		"one that is broken":        replies(500, ""),
	} {
		if err := zone.AskWitness(t.Context(), answering(t, answer)); !errors.Is(err, zone.ErrUnwell) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
