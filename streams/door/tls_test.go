package door

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// certificate is one for this machine, and the pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "door"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, pool
}

// TestTLS: the door speaks TLS in the server's name; in the clear nobody gets
// further than the greeting.
func TestTLS(t *testing.T) {
	mine, pool := certificate(t)
	h := newHouse(t, func(c *Config) {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{mine}, MinVersion: tls.VersionTLS13}
	})
	if !strings.HasPrefix(h.door.URL(), "tls://") {
		t.Errorf("clients are told %s", h.door.URL())
	}
	trusting := nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13})
	carol := h.connect("carol", trusting)
	_, err := carol.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	must(t, err)
	must(t, carol.Flush())
	reply, err := h.connect("alice", trusting).Request("echo", make([]byte, 1<<20), longEnough)
	must(t, err)
	if len(reply.Data) != 1<<20 {
		t.Errorf("%d bytes came back", len(reply.Data))
	}
	_, others := certificate(t)
	if _, err := nats.Connect(h.door.URL(), append(h.options("alice"), nats.Secure(&tls.Config{RootCAs: others, MinVersion: tls.VersionTLS13}))...); err == nil {
		t.Error("a client that trusts another authority connects")
	}
	c := h.dial()
	r, _ := greeted(t, c)
	_, err = c.Write([]byte("CONNECT {}\r\nPING\r\n"))
	must(t, err)
	if last := ended(t, r); strings.HasPrefix(last, "PONG") {
		t.Error("a client in the clear is served")
	}
}
