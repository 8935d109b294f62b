package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// authority issues certificates for clients, and takes them back.
type authority struct {
	t      testing.TB
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), serial: 1}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a.cert = a.sign(template, template, a.key)
	return a
}

func (a *authority) sign(template, parent *x509.Certificate, owner *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, owner.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue makes a certificate with a common name and URIs, which change may change.
func (a *authority) issue(name string, uris []string, change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	a.serial++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			a.t.Fatal(err)
		}
		template.URIs = append(template.URIs, u)
	}
	for _, f := range change {
		f(template)
	}
	key := newKey(a.t)
	cert := a.sign(template, a.cert, key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// revoke writes a list of what it takes back.
func (a *authority) revoke(until time.Time, serials ...*big.Int) []byte {
	a.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: until}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// tlsConsole is a console over TLS that asks clients for certificates.
func tlsConsole(t *testing.T, who *Certificates, trusted *authority) *httptest.Server {
	t.Helper()
	log := &logged{}
	server := httptest.NewUnstartedServer(handlerFor(t, who, slog.New(slog.NewTextHandler(log, nil))))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: x509.NewCertPool()}
	server.TLS.ClientCAs.AddCert(trusted.cert)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// with asks as somebody with a certificate: the status, 0 if TLS lets nobody through.
func with(t *testing.T, server *httptest.Server, cert *tls.Certificate, method, path string, headers ...string) (status int, body string) {
	t.Helper()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: trusted}
	if cert != nil { // whatever the server says that it trusts
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestCertificates: over real TLS, each certificate is worth what its one name is.
func TestCertificates(t *testing.T) {
	ca, other := newAuthority(t, "clients"), newAuthority(t, "others")
	who := &Certificates{Roles: Roles{"spiffe://x.test/ops": surface.Operator, "looker": surface.Viewer, "approver": surface.Approver}}
	server := tlsConsole(t, who, ca)
	past := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }
	future := func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }
	forServers := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	for name, test := range map[string]struct {
		cert      tls.Certificate
		look, act int
	}{
		"operator by SPIFFE ID":       {ca.issue("", []string{"spiffe://x.test/ops"}), 200, 200},
		"viewer by common name":       {ca.issue("looker", nil), 200, 403},
		"approver":                    {ca.issue("approver", nil), 200, 403},
		"nobody here":                 {ca.issue("stranger", nil), 403, 403},
		"nobody here, in its case":    {ca.issue("Looker", nil), 403, 403},
		"no name":                     {ca.issue("", nil), 403, 403},
		"a SPIFFE ID as common name":  {ca.issue("spiffe://x.test/ops", nil), 403, 403},
		"a name under another ID":     {ca.issue("looker", []string{"spiffe://x.test/other"}), 403, 403},
		"two IDs":                     {ca.issue("looker", []string{"spiffe://x.test/ops", "spiffe://x.test/other"}), 403, 403},
		"an address of the web":       {ca.issue("looker", []string{"https://x.test/ops"}), 403, 403},
		"a name that cannot be shown": {ca.issue("look\u202eer", nil), 403, 403},
		"of another authority":        {other.issue("", []string{"spiffe://x.test/ops"}), 0, 0},
		"expired":                     {ca.issue("looker", nil, past), 0, 0},
		"not valid yet":               {ca.issue("looker", nil, future), 0, 0},
		"for servers":                 {ca.issue("looker", nil, forServers), 0, 0},
	} {
		if got, text := with(t, server, &test.cert, "GET", "/api/v1/look"); got != test.look {
			t.Errorf("%s looks: %d, want %d: %s", name, got, test.look, text)
		}
		if got, text := with(t, server, &test.cert, "POST", "/api/v1/act"); got != test.act {
			t.Errorf("%s acts: %d, want %d: %s", name, got, test.act, text)
		}
	}
	if got, _ := with(t, server, nil, "GET", "/api/v1/look"); got != http.StatusUnauthorized {
		t.Error("without a certificate:", got)
	}
	if got, text := with(t, server, nil, "GET", "/api/v1/about"); got != http.StatusOK || !strings.Contains(text, `"how":"certificate"`) || strings.Contains(text, `"zone":"a"`) {
		t.Error("what they are told:", got, text)
	}
}

// TestOtherSitesCannotUseCertificates: browsers show them to whoever asks.
func TestOtherSitesCannotUseCertificates(t *testing.T) {
	ca := newAuthority(t, "clients")
	server := tlsConsole(t, &Certificates{Roles: Roles{"ops": surface.Operator}}, ca)
	ops := ca.issue("ops", nil)
	if got, _ := with(t, server, &ops, "POST", "/api/v1/act", "Sec-Fetch-Site", "same-origin"); got != http.StatusOK {
		t.Fatal("its own page:", got)
	}
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.test"}} {
		if got, _ := with(t, server, &ops, "POST", "/api/v1/act", headers...); got != http.StatusForbidden {
			t.Error(headers, got)
		}
	}
}

// TestRevoked: who is on the list is out, and so is everybody when there is no list
// that counts.
func TestRevoked(t *testing.T) {
	ca, other := newAuthority(t, "clients"), newAuthority(t, "clients")
	path := filepath.Join(t.TempDir(), "crl.pem")
	write := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	soon := time.Now().Add(time.Hour)
	write(ca.revoke(soon))
	revoked, err := ReadRevoked(path, ca.pem())
	if err != nil {
		t.Fatal(err)
	}
	server := tlsConsole(t, &Certificates{Roles: Roles{"ops": surface.Operator}, Revoked: revoked}, ca)
	good, bad := ca.issue("ops", nil), ca.issue("ops", nil)
	look := func(when string, cert tls.Certificate, want int) {
		t.Helper()
		revoked.mu.Lock()
		revoked.read, revoked.is = time.Time{}, nil // as after lookAgain, to a file that changed
		revoked.mu.Unlock()
		if got, text := with(t, server, &cert, "GET", "/api/v1/look"); got != want {
			t.Errorf("%s: %d, want %d: %s", when, got, want, text)
		}
	}
	look("nobody was revoked", bad, http.StatusOK)
	write(ca.revoke(soon, bad.Leaf.SerialNumber))
	look("revoked", bad, http.StatusUnauthorized)
	look("another was revoked", good, http.StatusOK)
	write(append(ca.revoke(soon), ca.revoke(soon, bad.Leaf.SerialNumber)...))
	look("revoked by one of two lists", bad, http.StatusUnauthorized)
	for name, text := range map[string][]byte{
		"an old list":             ca.revoke(time.Now().Add(-time.Second)),
		"of another of this name": other.revoke(soon),
		"no list":                 nil,
		"no PEM":                  []byte("nothing"),
		"a broken list":           pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("nothing")}),
		"something else":          pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}),
	} {
		write(text)
		look(name, good, http.StatusUnauthorized)
	}
	write(ca.revoke(soon))
	look("the list is back", good, http.StatusOK)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look("the file is gone", good, http.StatusUnauthorized)
	if _, err := ReadRevoked(path, ca.pem()); err == nil {
		t.Error("a file that is not there is read")
	}
}

// TestCertificatesEnd: a connection outlives its certificate; what it asks for does not.
func TestCertificatesEnd(t *testing.T) {
	ca := newAuthority(t, "clients")
	who := &Certificates{Roles: Roles{"ops": surface.Operator}}
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	old := ca.issue("ops", nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })
	r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{old.Leaf, ca.cert}}}
	if _, err := who.Who(r); err == nil {
		t.Error("an expired certificate is somebody")
	}
	cert := ca.issue("ops", nil).Leaf
	r.TLS.VerifiedChains[0][0] = cert
	user, err := who.Who(r)
	if err != nil {
		t.Fatal(err)
	}
	if until, ends := user.Login.Deadline(); !ends || !until.Equal(cert.NotAfter) {
		t.Errorf("it ends at %s, the certificate at %s", until, cert.NotAfter)
	}
	r.TLS.VerifiedChains = nil
	if user, err := who.Who(r); err != nil || user.Role != surface.Anyone {
		t.Error("without a chain:", user, err)
	}
}
