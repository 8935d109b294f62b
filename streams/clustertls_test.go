package streams

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
)

// serverCertificates are those of n servers on this machine, and the authority's.
func serverCertificates(t testing.TB, n int) (files []*ServerTLS, authority string) {
	t.Helper()
	dir := t.TempDir()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	must(t, err)
	path := write("ca.pem", "CERTIFICATE", der)
	text, err := os.ReadFile(path)
	must(t, err)
	for i := range n {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
		must(t, err)
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		must(t, err)
		files = append(files, &ServerTLS{
			CA: path, Cert: write(fmt.Sprintf("server-%d.pem", i+1), "CERTIFICATE", der), Key: write(fmt.Sprintf("server-%d.key", i+1), "PRIVATE KEY", raw),
		})
	}
	return files, string(text)
}

// TestClusterMatrix: the table of rights holds at whichever server a role connects
// to, with TLS, the ledger's leader and its followers alike.
func TestClusterMatrix(t *testing.T) {
	c := newCluster(t, clusterConfig{tls: true, durable: relaxed})
	c.overseer = c.operator()
	follower := (c.leader() + 1) % 3
	for name := range roles {
		conn := c.at(name, follower)
		for _, subject := range slices.Concat(ledgerSubjects(), otherSubjects()) {
			checkAppend(t, c.world, conn, subject, slices.Contains(mayAppend[name], subject))
		}
	}
	for name := range roles {
		conn := c.at(name, follower)
		for s := range streamCount {
			m, err := conn.nc.Request(s.leaderWord(zone), nil, 300*time.Millisecond)
			got := err == nil && strings.Contains(string(m.Data), `"last_seq"`)
			if want := slices.Contains(mayRead[name], s.live(zone)); got != want {
				t.Errorf("%s asks the leader of %s: %v (%v), want %v", name, s.Name(zone), got, err, want)
			}
		}
	}
}

// TestClusterTLSRefuses: nobody talks to a server that he cannot verify, and no
// server to a client in plaintext.
func TestClusterTLSRefuses(t *testing.T) {
	c := newCluster(t, clusterConfig{tls: true, durable: relaxed})
	_, stranger := serverCertificates(t, 1)
	plain := strings.ReplaceAll(c.urls(), schemeTLS, "nats://")
	for name, change := range map[string]func(*ConnConfig){
		"another authority":       func(cfg *ConnConfig) { cfg.RootCAs = stranger },
		"this machine's":          func(cfg *ConnConfig) { cfg.RootCAs = "" },
		"no certificate":          func(cfg *ConnConfig) { cfg.RootCAs = "none" },
		"plaintext":               func(cfg *ConnConfig) { cfg.URL, cfg.RootCAs = plain, "" },
		"another name":            func(cfg *ConnConfig) { cfg.URL = fmt.Sprintf("tls://localhost:%d", c.params[0].Port) },
		"an authority, plaintext": func(cfg *ConnConfig) { cfg.URL, cfg.RootCAs = c.plainServer(), c.ca },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := ConnConfig{URL: c.urls(), RootCAs: c.ca, Seed: c.cast.seeds["enf"], Zone: zone, Name: "enf"}
			change(&cfg)
			opts, err := (&Conn{cfg: cfg}).options()
			if err != nil {
				return
			}
			if nc, err := nats.Connect(cfg.URL, append(opts, nats.ClosedHandler(nil))...); err == nil {
				nc.Close()
				t.Fatal("connected")
			}
		})
	}
	c.append(c.at("alice"), subj(schemas.KindIntent, "alice"), "with the right authority")
	raw, err := (&net.Dialer{}).DialContext(soon(t), "tcp", fmt.Sprintf("127.0.0.1:%d", c.params[0].Port))
	must(t, err)
	defer func() { must(t, raw.Close()) }()
	must(t, raw.SetDeadline(time.Now().Add(patience)))
	_, err = raw.Write([]byte("CONNECT {}\r\nPING\r\n"))
	must(t, err)
	answer := make([]byte, 1<<16)
	for read := 0; ; {
		n, err := raw.Read(answer[read:])
		read += n
		if strings.Contains(string(answer[:read]), "PONG") {
			t.Fatal("a server answered a client in plaintext")
		}
		if err != nil {
			return // it closed the connection
		}
	}
}

// plainServer is the URL of a server without TLS that would let the same cast in.
func (c *cluster) plainServer() string {
	w := &world{t: c.t, cast: c.cast}
	w.start(ServerConfig{StoreDir: c.t.TempDir(), Port: -1, Durability: RelaxedSyncMayLoseRecords, Zones: []ZoneConfig{{Zone: zone}}, Participants: c.cast.all}, nil)
	return w.server.URL()
}
