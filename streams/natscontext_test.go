package streams

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/portcullis-dev/portcullis/schemas"
)

// contexts makes a place for contexts of the nats command and writes some.
func contexts(t *testing.T, all map[string]any) (dir string) {
	t.Helper()
	base := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", base)
	dir = filepath.Join(base, "nats", "context")
	must(t, os.MkdirAll(dir, 0o700))
	for name, fields := range all {
		data, err := json.Marshal(fields)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name+".json"), data, 0o600))
	}
	return dir
}

type fields = map[string]any

// TestAContextConnectsAsItSays over TCP, with the context's own NKey or with the
// participant's.
func TestAContextConnectsAsItSays(t *testing.T) {
	w := newWorld(t, nil)
	seed := filepath.Join(t.TempDir(), "alice.nk")
	must(t, os.WriteFile(seed, append(w.cast.seeds["alice"], '\n'), 0o600))
	contexts(t, map[string]any{
		"whole": fields{"url": w.url(), "nkey": seed, "description": "as written by nats context add", "token": "", "tls_first": false, "windows_ca_certs_match": nil},
		"place": fields{"url": w.url()},
	})
	for name, cfg := range map[string]ConnConfig{
		"its own key":           {Context: "whole"},
		"the participant's key": {Context: "place", Seed: w.cast.seeds["alice"]},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Zone, cfg.Name = zone, "alice"
			c, err := Connect(soon(t), cfg)
			must(t, err)
			defer c.Close()
			w.append(c, subj(schemas.KindIntent, "alice"), "x")
			_, err = c.Append(soon(t), subj(schemas.KindIntent, "bob"), []byte("x"))
			wantErr(t, err, ErrRefused) // alice and nobody else
		})
	}
	url, err := ContextURL("place")
	if err != nil || url != w.url() {
		t.Errorf("ContextURL: %q, %v", url, err)
	}
}

// TestAContextsOtherWaysToLogIn, at a server that is not ours.
func TestAContextsOtherWaysToLogIn(t *testing.T) {
	dir := t.TempDir()
	certificate, ca := selfSigned(t, dir)
	tests := map[string]struct {
		options server.Options
		login   fields
		wrong   fields
	}{
		"user": {
			server.Options{Username: "u", Password: "p"},
			fields{"user": "u", "password": "p"},
			fields{"user": "u", "password": "q"},
		},
		"token": {server.Options{Authorization: "t"}, fields{"token": "t"}, fields{"token": "u"}},
		"user and authority": {
			server.Options{Username: "u", Password: "p", TLS: true, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}},
			fields{"user": "u", "password": "p", "ca": ca},
			fields{"user": "u", "password": "q", "ca": ca},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.options.Host, tt.options.Port, tt.options.NoLog, tt.options.NoSigs = "127.0.0.1", -1, true, true
			s, err := server.NewServer(&tt.options)
			must(t, err)
			s.Start()
			t.Cleanup(s.Shutdown)
			if !s.ReadyForConnections(patience) {
				t.Fatal("the server does not start")
			}
			tt.login["url"], tt.wrong["url"] = s.ClientURL(), s.ClientURL()
			contexts(t, map[string]any{"right": tt.login, "wrong": tt.wrong})
			c, err := Connect(soon(t), ConnConfig{Context: "right", Name: "alice"})
			must(t, err)
			c.Close()
			if _, err := Connect(soon(t), ConnConfig{Context: "wrong", Name: "alice"}); err == nil || !strings.Contains(err.Error(), "Authorization") {
				t.Errorf("with wrong credentials: %v", err)
			}
		})
	}
}

// selfSigned makes a certificate of 127.0.0.1 and writes it as an authority.
func selfSigned(t *testing.T, dir string) (certificate tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	file = filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestAContextThatIsNotUnderstoodIsRefused(t *testing.T) {
	const url = "nats://127.0.0.1:1"
	tests := map[string]struct {
		context any
		want    string
	}{
		"no url":               {fields{"user": "u"}, "names no url"},
		"not an object":        {"nats://127.0.0.1", "not a context"},
		"a url that is none":   {fields{"url": 7}, "not a context"},
		"a proxy":              {fields{"url": url, "socks_proxy": "socks5://x"}, `"socks_proxy" is not supported`},
		"a field of tomorrow":  {fields{"url": url, "quantum": true}, `"quantum" is not supported`},
		"TLS first":            {fields{"url": url, "tls_first": true}, `"tls_first" is not supported`},
		"another inbox prefix": {fields{"url": url, "inbox_prefix": "_MINE"}, `inbox_prefix "_MINE" is not supported`},
		"two logins":           {fields{"url": url, "user": "u", "creds": "c"}, "more than one of"},
		"a lonely password":    {fields{"url": url, "password": "p"}, "password without a user"},
		"a lonely certificate": {fields{"url": url, "cert": "c"}, "only one of cert and key"},
		"no login":             {fields{"url": url}, "has no credentials"},
		"an nkey that is gone": {fields{"url": url, "nkey": "/nowhere/x.nk"}, "nkey: open"},
		"creds that are gone":  {fields{"url": url, "creds": "/nowhere/x.creds"}, "creds: stat"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			contexts(t, map[string]any{"c": tt.context})
			_, err := Connect(soon(t), ConnConfig{Context: "c", Zone: zone, Name: "alice"})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "nats context") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNamesThatAreNoContexts(t *testing.T) {
	dir := contexts(t, nil)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(dir), "outside.json"), []byte(`{"url":"nats://127.0.0.1"}`), 0o600))
	for _, name := range []string{"", "../outside", `..\outside`, ".hidden", "nobody"} {
		if url, err := ContextURL(name); err == nil {
			t.Errorf("context %q is at %s", name, url)
		}
	}
}

func TestOnePlaceToConnectTo(t *testing.T) {
	_, seed := newUser(t)
	for name, cfg := range map[string]ConnConfig{
		"none": {}, "URL and context": {URL: "nats://127.0.0.1:1", Context: "c"}, "URL and server": {URL: "nats://127.0.0.1:1", Server: new(Server)},
		"context and server": {Context: "c", Server: new(Server)},
	} {
		cfg.Seed, cfg.Zone, cfg.Name = seed, zone, "alice"
		if _, err := Connect(soon(t), cfg); err == nil || !strings.Contains(err.Error(), "give either") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
