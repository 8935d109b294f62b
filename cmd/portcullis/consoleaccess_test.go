package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/access"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
)

// loginFlags are those of a console that others may reach, as change changes them.
func loginFlags(t *testing.T, change func(*consoleAccess)) consoleAccess {
	t.Helper()
	ca := newAuthority(t)
	a := consoleAccess{
		listen: "0.0.0.0:0", url: "https://console.example.com", roles: []string{"operator=ops"}, claim: "groups",
		issuer: "https://issuer.example.com", clientID: "console", lifetime: time.Hour, idle: time.Hour,
	}
	a.cert, a.key = ca.issue("server")
	change(&a)
	return a
}

// TestConsoleAccess: what would let in somebody unknown does not start, and says how to
// mend it.
func TestConsoleAccess(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chmod(path, mode))
		return path
	}
	secret, open, empty := write("secret", "the-client-secret\n", 0o600), write("open", "the-client-secret", 0o644), write("empty", "\n", 0o600)
	ca := newAuthority(t)
	authorities := filepath.Join(ca.dir, "ca.pem")
	certificates := func(a *consoleAccess) { a.issuer, a.clientID, a.clientCA = "", "", authorities }
	for name, test := range map[string]struct {
		change func(*consoleAccess)
		want   string // of the error; "" for none
	}{
		"login at a provider":         {func(*consoleAccess) {}, ""},
		"with a secret":               {func(a *consoleAccess) { a.secret = secret }, ""},
		"by certificate":              {certificates, ""},
		"on this machine":             {func(a *consoleAccess) { *a = consoleAccess{listen: "127.0.0.1:0"} }, ""},
		"everywhere, for everybody":   {func(a *consoleAccess) { *a = consoleAccess{listen: ":4290"} }, "--oidc-issuer or --client-ca"},
		"a name of who knows":         {func(a *consoleAccess) { *a = consoleAccess{listen: "console.example.com:4290"} }, "can be reached from elsewhere"},
		"TLS, for everybody":          {func(a *consoleAccess) { a.issuer, a.clientID, a.roles = "", "", nil }, "tells nobody apart"},
		"login in the clear":          {func(a *consoleAccess) { a.cert, a.key = "", "" }, "over TLS only"},
		"certificates in the clear":   {func(a *consoleAccess) { certificates(a); a.cert, a.key = "", "" }, "over TLS only"},
		"two ways in":                 {func(a *consoleAccess) { a.clientCA = authorities }, "give one"},
		"nobody has a role":           {func(a *consoleAccess) { a.roles = nil }, "at least one --role"},
		"a role that is none":         {func(a *consoleAccess) { a.roles = []string{"admin=ops"} }, "viewer, approver or operator"},
		"a role for nobody":           {func(a *consoleAccess) { a.roles = []string{"operator"} }, "ROLE=NAME"},
		"roles without a way in":      {func(a *consoleAccess) { a.issuer, a.clientID = "", "" }, "are for people who log in"},
		"no URL":                      {func(a *consoleAccess) { a.url = "" }, "needs --url"},
		"a URL in the clear":          {func(a *consoleAccess) { a.url = "http://console.example.com" }, "give https"},
		"a URL with a path":           {func(a *consoleAccess) { a.url = "https://example.com/console" }, "nothing more"},
		"a provider in the clear":     {func(a *consoleAccess) { a.issuer = "http://issuer.example.com" }, "not https, nor on this machine"},
		"a secret that all read":      {func(a *consoleAccess) { a.secret = open }, "chmod 600"},
		"an empty secret":             {func(a *consoleAccess) { a.secret = empty }, "is empty"},
		"a secret that is not there":  {func(a *consoleAccess) { a.secret = filepath.Join(dir, "none") }, "no such file"},
		"logged in for a day":         {func(a *consoleAccess) { a.lifetime = 24 * time.Hour }, "at most 8h"},
		"revocations of nobody":       {func(a *consoleAccess) { a.revoked = secret }, "--client-ca"},
		"revocations not there":       {func(a *consoleAccess) { certificates(a); a.revoked = filepath.Join(dir, "none") }, "no such file"},
		"revocations that are none":   {func(a *consoleAccess) { certificates(a); a.revoked = secret }, "no revocation list"},
		"an authority that is none":   {func(a *consoleAccess) { certificates(a); a.clientCA = secret }, "has no certificate in PEM"},
		"a certificate not there":     {func(a *consoleAccess) { a.cert = filepath.Join(dir, "none") }, "no such file"},
		"a certificate key all read":  {func(a *consoleAccess) { a.key = open }, "chmod 600"},
		"a certificate that is words": {func(a *consoleAccess) { a.cert = secret }, "--tls-cert and --tls-key"},
	} {
		a := loginFlags(t, test.change)
		door, err := a.open(slog.New(slog.DiscardHandler))
		switch {
		case test.want == "" && (err != nil || door.access == nil):
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		case err != nil && strings.Contains(err.Error(), "the-client-secret"):
			t.Errorf("%s: the error tells the secret: %v", name, err)
		}
	}
}

// TestConsoleDoor: TLS 1.3, and a page for those who have no certificate.
func TestConsoleDoor(t *testing.T) {
	a := loginFlags(t, func(a *consoleAccess) {
		ca := newAuthority(t)
		a.issuer, a.clientID, a.clientCA = "", "", filepath.Join(ca.dir, "ca.pem")
	})
	door, err := a.open(slog.New(slog.DiscardHandler))
	must(t, err)
	if door.tls.MinVersion != tls.VersionTLS13 || door.tls.ClientAuth != tls.VerifyClientCertIfGiven {
		t.Errorf("TLS %x, client certificates %s", door.tls.MinVersion, door.tls.ClientAuth)
	}
	plain, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	server := httptest.Server{Listener: door.listener(plain), Config: &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}}
	server.Start()
	defer server.Close()
	dial := func(version uint16) error {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}}
		conn, err := d.DialContext(t.Context(), "tcp", plain.Addr().String())
		if err != nil {
			return err
		}
		return conn.Close()
	}
	if err := dial(tls.VersionTLS13); err != nil {
		t.Error("TLS 1.3:", err)
	}
	if dial(tls.VersionTLS12) == nil {
		t.Error("TLS 1.2 is spoken")
	}
}

// as is whoever the test says.
type as struct{ surface.User }

func (a as) Who(*http.Request) (surface.User, error) { return a.User, nil }
func (as) Routes() []surface.Route                   { return nil }

// TestConsoleRoles: each route of the whole console refuses each role that is too small,
// and somebody who is nobody most of all.
func TestConsoleRoles(t *testing.T) {
	var log bytes.Buffer
	parts := &consoleParts{f: &fabric.Fabric{TrustDomain: "x.test", Zone: "a", Ledger: trust.DigestOf([]byte("genesis")), Clock: time.Now}, log: slog.New(slog.NewTextHandler(&log, nil)), access: access.Loopback{}}
	defer parts.close()
	_, err := parts.handler()
	must(t, err)
	if len(parts.routes) == 0 {
		t.Fatal("the console has no routes")
	}
	for role := range surface.Operator {
		each := &consoleParts{f: parts.f, log: parts.log, access: as{surface.User{Name: "somebody", Role: role}}}
		handler, err := each.handler()
		must(t, err)
		for _, route := range each.routes {
			if role.Allows(route.Needs) {
				continue
			}
			method, path, _ := strings.Cut(route.Pattern, " ")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, strings.NewReplacer("{", "", "}", "", "...", "").Replace(path), nil))
			cancel()
			want := http.StatusForbidden
			if role <= surface.Anyone {
				want = http.StatusUnauthorized
			}
			if w.Code != want {
				t.Errorf("%s as %s: %d, want %d", route.Pattern, role, w.Code, want)
			}
		}
		each.close()
	}
}
