package access

import (
	"net/http/httptest"
	"testing"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

func TestLoopback(t *testing.T) {
	for _, test := range []struct {
		peer, host string
		in         bool
	}{
		{"127.0.0.1:5000", "127.0.0.1:4290", true},
		{"127.0.0.1:5000", "localhost:4290", true},
		{"[::1]:5000", "[::1]:4290", true},
		{"127.0.0.1:5000", "evil.test:4290", false}, // rebinding
		{"127.0.0.1:5000", "", false},
		{"10.0.0.9:5000", "127.0.0.1:4290", false},
		{"", "127.0.0.1", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr, r.Host = test.peer, test.host
		user, err := Loopback{}.Who(r)
		if in := err == nil && user.Role.Allows(surface.Operator); in != test.in {
			t.Errorf("%s asking %s: in %v (%v), want %v", test.peer, test.host, in, err, test.in)
		}
	}
}
