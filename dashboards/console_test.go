package dashboards

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// somebody is whoever the test says.
type somebody struct {
	user surface.User
	err  error
}

func (s somebody) Who(*http.Request) (surface.User, error) { return s.user, s.err }
func (somebody) Routes() []surface.Route                   { return nil }

func answer(w http.ResponseWriter, _ *http.Request) error { return surface.JSON(w, "done") }

func handler(t *testing.T, who surface.Access) http.Handler {
	t.Helper()
	h, err := New(Config{
		Access: who, Logger: slog.New(slog.DiscardHandler), About: About{Zone: "a", TrustDomain: "b", Surfaces: []string{"health"}},
		Routes: []surface.Route{
			{Pattern: "GET /api/v1/look", Needs: surface.Viewer, Handle: answer},
			{Pattern: "POST /api/v1/act", Needs: surface.Operator, Handle: answer},
			{Pattern: "GET /api/v1/broken", Needs: surface.Viewer, Handle: func(http.ResponseWriter, *http.Request) error { return errors.New("a secret of the console") }},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(t *testing.T, h http.Handler, method, path string, headers ...string) (status int, body string, header http.Header) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text), w.Header()
}

func TestRoles(t *testing.T) {
	for _, test := range []struct {
		role         surface.Role
		method, path string
		status       int
	}{
		{surface.Viewer, "GET", "/api/v1/look", http.StatusOK},
		{surface.Operator, "GET", "/api/v1/look", http.StatusOK},
		{surface.Operator, "POST", "/api/v1/act", http.StatusOK},
		{surface.Approver, "POST", "/api/v1/act", http.StatusForbidden},
		{surface.Viewer, "POST", "/api/v1/act", http.StatusForbidden},
		{surface.Anyone, "GET", "/api/v1/look", http.StatusUnauthorized},
		{surface.Role(0), "GET", "/api/v1/about", http.StatusUnauthorized},
		{surface.Anyone, "GET", "/api/v1/about", http.StatusOK},
		{surface.Operator, "GET", "/api/v1/none", http.StatusNotFound},
		{surface.Operator, "GET", "/api/v1/broken", http.StatusInternalServerError},
	} {
		status, body, _ := ask(t, handler(t, somebody{user: surface.User{Role: test.role}}), test.method, test.path)
		if status != test.status {
			t.Errorf("%s: %s %s gives %d, want %d: %s", test.role, test.method, test.path, status, test.status, body)
		}
		if strings.Contains(body, "a secret of the console") {
			t.Errorf("%s tells what is for the log", test.path)
		}
	}
}

// TestAboutIsSilent: what a zone is called is not for everybody.
func TestAboutIsSilent(t *testing.T) {
	if _, body, _ := ask(t, handler(t, somebody{user: surface.User{Role: surface.Anyone}}), "GET", "/api/v1/about"); strings.Contains(body, `"zone":"a"`) {
		t.Error(body)
	}
	if _, body, _ := ask(t, handler(t, somebody{user: surface.User{Role: surface.Viewer}}), "GET", "/api/v1/about"); !strings.Contains(body, `"zone":"a"`) {
		t.Error(body)
	}
}

// TestOtherSites: a page of another site has no say here.
func TestOtherSites(t *testing.T) {
	h := handler(t, somebody{user: surface.User{Role: surface.Operator}})
	for name, headers := range map[string][]string{
		"cross-site fetch": {"Sec-Fetch-Site", "cross-site"},
		"another port":     {"Sec-Fetch-Site", "same-site"},
		"an old browser":   {"Origin", "https://evil.test"},
	} {
		if status, _, _ := ask(t, h, "POST", "/api/v1/act", headers...); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _, _ := ask(t, h, "POST", "/api/v1/act", "Sec-Fetch-Site", "same-origin"); status != http.StatusOK {
		t.Error("its own page is refused")
	}
}

// TestHeaders: every answer has them, refusals too.
func TestHeaders(t *testing.T) {
	h := handler(t, somebody{user: surface.User{Role: surface.Viewer}})
	for _, path := range []string{"/", "/api/v1/look", "/api/v1/none", "/nothing.js"} {
		_, _, header := ask(t, h, "GET", path)
		for name, value := range headers {
			if name != "Cache-Control" && header.Get(name) != value {
				t.Errorf("%s: %s is %q", path, name, header.Get(name))
			}
		}
	}
}

// TestPageIsSelfContained: it asks nobody else for anything, and has nothing inline
// that its own policy would refuse.
func TestPageIsSelfContained(t *testing.T) {
	status, page, _ := ask(t, handler(t, somebody{user: surface.User{Role: surface.Viewer}}), "GET", "/")
	if status != http.StatusOK || !strings.Contains(page, "<script type=\"module\"") {
		t.Fatal(status, page)
	}
	for _, bad := range []string{"http://", "https://", "<style", " style=", " onload="} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestUnguardedRoutesAreRefused(t *testing.T) {
	_, err := New(Config{
		Access: somebody{}, Logger: slog.New(slog.DiscardHandler), About: About{Zone: "a"},
		Routes: []surface.Route{{Pattern: "GET /api/v1/x", Handle: answer}},
	})
	if err == nil {
		t.Error("a route that needs no role is served")
	}
}
