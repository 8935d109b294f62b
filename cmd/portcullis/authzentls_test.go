package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority issues certificates for 127.0.0.1 and for clients.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	must(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

// issue makes a certificate and its key, as files.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, secret.Public(), a.key)
	must(a.t, err)
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	must(a.t, err)
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", private)
}

// TestAuthZENMutualTLS: who has no certificate of the right authority is not heard.
func TestAuthZENMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	access := authzenAccess{listen: "0.0.0.0:0", tlsFiles: tlsFiles{clientCA: filepath.Join(ca.dir, "ca.pem")}}
	access.cert, access.key = ca.issue("server")
	s, err := access.read()
	must(t, err)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveUntil(ctx, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if len(r.TLS.VerifiedChains) == 0 {
				t.Error("a client that nobody vouched for was heard")
			}
		}), tls.NewListener(listener, s.tls), slog.New(slog.DiscardHandler))
	}()
	ask := func(config *tls.Config) error {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AddCert(ca.cert)
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+listener.Addr().String(), nil)
		must(t, err)
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	with := func(a *authority) *tls.Config {
		pair, err := tls.LoadX509KeyPair(a.issue("client"))
		must(t, err)
		return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	}
	if err := ask(with(ca)); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	if ask(&tls.Config{MinVersion: tls.VersionTLS13}) == nil {
		t.Error("a client without a certificate was heard")
	}
	if ask(with(other)) == nil {
		t.Error("a client of another authority was heard")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
