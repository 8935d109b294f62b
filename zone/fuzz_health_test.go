package zone

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzReadHealth: what a part says of its health names the part and does not
// contradict itself, or it is no answer.
func FuzzReadHealth(f *testing.F) {
	for _, text := range []string{
		`{"role":"executor","name":"x1","able":true}`, `{"role":"executor","name":"x1","able":true,"why":"no"}`, `{"role":"executor","name":"x1","able":false}`,
		`{"role":"executor","name":"x1","able":false,"why":"no pulse"}`, `{"able":true}`, `{"role":"executor","name":"x1","able":true}{}`, `null`, ``, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHealth(data)
		if err != nil {
			if h.Able {
				t.Fatalf("%q is refused (%v), and yet well", data, err)
			}
			return
		}
		if h.Able != (h.Why == "") || h.Role == "" || h.Name == "" || h.Able && !strings.Contains(strings.ToLower(string(data)), "true") {
			t.Fatalf("%q is read as %+v", data, h)
		}
	})
}

// FuzzAskBroker: a broker is well if its monitoring endpoint says ok, with status 200,
// twice; anything else that something says there is told as what it is.
func FuzzAskBroker(f *testing.F) {
	for _, text := range []string{`{"status":"ok"}`, `{"status":"ok","error":"x"}`, `{"status":"unavailable"}`, `{}`, `null`, ``, `ok`, `[]`, `{"status":"ok"}{}`} {
		f.Add(http.StatusOK, []byte(text))
	}
	f.Add(http.StatusServiceUnavailable, []byte(`{"status":"ok"}`))
	var status int
	var said []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write(said)
	}))
	f.Cleanup(server.Close)
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code < 200 || code > 599 {
			return // no status that a server can send as its last
		}
		status, said = code, body
		err := AskBroker(t.Context(), server.URL)
		if err != nil && !errors.Is(err, ErrUnwell) {
			t.Fatal(err)
		}
		if err == nil && (code != http.StatusOK || !strings.Contains(strings.ToLower(string(body)), "ok") && !strings.Contains(string(body), `\u`)) {
			t.Fatalf("status %d and %q are taken for well", code, body)
		}
	})
}

// FuzzIsConsole: a console says its version, with status 200; nothing else is one.
func FuzzIsConsole(f *testing.F) {
	for _, text := range []string{`{"version":"v1"}`, `{"version":""}`, `{"Version":"v1"}`, `{"version":1}`, `{}`, `null`, ``, `[]`, `{"version":"v1"}{}`, `<title>Portcullis</title>`} {
		f.Add(http.StatusOK, []byte(text))
	}
	f.Add(http.StatusServiceUnavailable, []byte(`{"version":"v1"}`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if err := isConsole(code, body); err == nil && (code != http.StatusOK || !strings.Contains(strings.ToLower(string(body)), "ion") && !strings.Contains(string(body), `\u`)) {
			t.Fatalf("status %d and %q are taken for a console", code, body)
		}
	})
}
