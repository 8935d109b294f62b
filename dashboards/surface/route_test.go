package surface

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type asked struct {
	Scope  string `json:"scope"`
	Number int    `json:"number"`
}

func read(t testing.TB, body []byte, most int64) (asked, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	var v asked
	err := Read(httptest.NewRecorder(), r, most, &v)
	return v, err
}

func TestRead(t *testing.T) {
	for body, status := range map[string]int{
		`{"scope":"tool:transfer","number":3}`: 0,
		"{}\n":                                 0,
		``:                                     http.StatusBadRequest,
		`{`:                                    http.StatusBadRequest,
		`[]`:                                   http.StatusBadRequest,
		`{"scope":1}`:                          http.StatusBadRequest,
		`{"scopes":"x"}`:                       http.StatusBadRequest,
		`{}{}`:                                 http.StatusBadRequest,
		`{"scope":"` + strings.Repeat("x", 200) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		_, err := read(t, []byte(body), 100)
		got := 0
		if p, refused := errors.AsType[*Problem](err); refused {
			got = p.Status
		} else if err != nil {
			t.Errorf("%.40q: %v is no problem", body, err)
		}
		if got != status {
			t.Errorf("%.40q: %d, want %d", body, got, status)
		}
	}
}

// FuzzRead: what is read is one object of known fields; everything else is a problem
// of whoever asked.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"scope":"a"}`, `{"scope":"a","scope":"b"}`, `{}{}`, `[`, "\xff", `{"number":1e999}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := read(t, body, 1<<10)
		if err != nil {
			if p, told := errors.AsType[*Problem](err); !told || p.Status < 400 || p.Status > 499 {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := read(t, again, 1<<12); err != nil || w != v {
			t.Errorf("%q is read as %v, then as %v (%v)", body, v, w, err)
		}
	})
}

func TestRoles(t *testing.T) {
	all := []Role{Role(0), Anyone, Viewer, Approver, Operator}
	for i, has := range all {
		for j, needs := range all {
			if got, want := has.Allows(needs), j > 0 && i >= j; got != want {
				t.Errorf("%s uses what needs %s: %v", has, needs, got)
			}
		}
	}
	for _, r := range []Role{Viewer, Approver, Operator} {
		if got, err := ParseRole(r.String()); err != nil || got != r {
			t.Errorf("%s: %v %v", r, got, err)
		}
	}
	for _, name := range []string{"", "anyone", "root", "Operator"} {
		if _, err := ParseRole(name); err == nil {
			t.Errorf("%q is a role that people can have", name)
		}
	}
}
