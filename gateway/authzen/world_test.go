package authzen_test

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/authzen"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

const (
	evaluation  = "/access/v1/evaluation"
	evaluations = "/access/v1/evaluations"
	subjects    = "/access/v1/search/subject"
	resources   = "/access/v1/search/resource"
	actions     = "/access/v1/search/action"
	metadata    = "/.well-known/authzen-configuration"
)

// still is a ledger that holds its founding records and does not grow.
type still struct {
	mu   sync.Mutex
	fold *ledger.Fold
	core *pdp.Core
	err  error // why nobody can be answered
}

func (s *still) Ask(ask func(*pdp.Core)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		ask(s.core)
	}
	return s.err
}

// stillOf founds a ledger under a release.
func stillOf(t testing.TB, source fs.FS) *still {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: source, Recorders: fabric.NoRecorders,
	})
	must(t, err)
	records, err := f.Founding()
	must(t, err)
	s := &still{fold: ledger.NewFold(f.Ledger, nil)}
	parser := ledger.Parser{Zone: f.Zone}
	for i, data := range records {
		_, err := s.fold.Step(parser.Parse(ledger.Raw{
			Seq: uint64(i) + 1, Time: time.Now(), Subject: schemas.Subject(f.Zone, schemas.KindGovernance, ""), Data: data,
		}))
		must(t, err)
	}
	s.core, err = pdp.NewCore(s.fold, verdict.NewState())
	must(t, err)
	return s
}

// todo is the Todo scenario, in the words of its clients.
func todo(t testing.TB) (*still, authzen.Config) {
	t.Helper()
	s := stillOf(t, os.DirFS(filepath.Join("testdata", "todo")))
	return s, authzen.Config{
		Asker: s, URL: "https://pdp.example.com", Logger: slog.New(slog.DiscardHandler),
		Mapping: authzen.Mapping{Subjects: map[string]string{"user": "pid"}, Resources: map[string]string{"todo": "Todo", "user": "User"}},
	}
}

func serve(t testing.TB, cfg authzen.Config) http.Handler {
	t.Helper()
	s, err := authzen.New(cfg)
	must(t, err)
	return s
}

// post asks, and changes the request first if change is not nil.
func post(t testing.TB, h http.Handler, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:4296"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// answered asks and demands exactly this answer.
func answered(t testing.TB, h http.Handler, path, body, want string) {
	t.Helper()
	w := post(t, h, path, body, nil)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || w.Body.String() != want {
		t.Errorf("%s %s\n got %d %s\nwant 200 %s", path, body, w.Code, w.Body, want)
	}
}

func text(t testing.TB, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	must(t, err)
	return string(data)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
