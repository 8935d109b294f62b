package fabric_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const threeServers = "tls://h1:4222,tls://h2:4222,tls://h3:4222"

func authority(t *testing.T) (dir, ca string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "tls")
	text, err := fabric.MakeServerTLS(dir, [][]string{{"h1", "10.0.0.1"}, {"h2"}, {"h3"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return dir, string(text)
}

// TestServersOfOnesOwn: what is said of the servers when a fabric is made stands in
// its folder, and in each participant's.
func TestServersOfOnesOwn(t *testing.T) {
	_, ca := authority(t)
	p := params()
	p.NATS = fabric.NATS{URL: threeServers, Replicas: 3, CA: ca}
	made := create(t, p)
	opened, err := fabric.Open(made.Dir)
	if err != nil {
		t.Fatal(err)
	}
	want := fabric.NATS{URL: threeServers, Port: 4222, Replicas: 3, CA: ca}
	if opened.NATS != want || opened.NATS.Embedded() || !opened.NATS.Secure() {
		t.Errorf("opened with %+v", opened.NATS)
	}
	m, err := opened.Load(pb.Role_ROLE_ENFORCER, "e1", trust.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Bundle.Servers, strings.Split(threeServers, ",")) || m.Bundle.BrokerCA != ca {
		t.Errorf("the bundle says %+v", m.Bundle)
	}
	secret, err := opened.RouteSecret()
	if err != nil || len(secret) != 64 {
		t.Fatalf("secret of %d digits, %v", len(secret), err)
	}
	if again, err := opened.RouteSecret(); err != nil || again != secret {
		t.Errorf("the secret changed, %v", err)
	}
	if err := os.Chmod(filepath.Join(opened.Dir, "broker-ca.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := fabric.Open(made.Dir); !errors.Is(err, fabric.ErrExposed) {
		t.Errorf("an authority that others may change: %v", err)
	}
}

func TestServersAreChecked(t *testing.T) {
	_, ca := authority(t)
	for name, tt := range map[string]struct {
		nats fabric.NATS
		want string
	}{
		"two replicas":      {fabric.NATS{URL: threeServers, Replicas: 2}, "1 or 3"},
		"negative":          {fabric.NATS{URL: threeServers, Replicas: -1}, "1 or 3"},
		"not said":          {fabric.NATS{URL: threeServers}, "on how many"},
		"one of three":      {fabric.NATS{URL: threeServers, Replicas: 1}, "3 servers for one replica"},
		"three on one":      {fabric.NATS{URL: "nats://h1:1", Replicas: 3}, "1 servers for 3"},
		"mixed":             {fabric.NATS{URL: "nats://h1:1,tls://h2:1,tls://h3:1", Replicas: 3}, "one or the other"},
		"twice":             {fabric.NATS{URL: "nats://h1:1,nats://h2:1,nats://h1:1", Replicas: 3}, "twice"},
		"no port":           {fabric.NATS{URL: "nats://h1", Replicas: 1}, "no port"},
		"port 0":            {fabric.NATS{URL: "nats://h1:0", Replicas: 1}, "port"},
		"a password":        {fabric.NATS{URL: "nats://u:p@h1:1", Replicas: 1}, "known by their keys"},
		"a path":            {fabric.NATS{URL: "nats://h1:1/x", Replicas: 1}, "give it as"},
		"http":              {fabric.NATS{URL: "http://h1:1", Replicas: 1}, "give it as"},
		"authority, no TLS": {fabric.NATS{URL: "nats://h1:1", Replicas: 1, CA: ca}, "no TLS"},
		"no authority":      {fabric.NATS{URL: "tls://h1:1", Replicas: 1, CA: "none"}, "PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			p := params()
			p.NATS = tt.nats
			if f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), p); err == nil || f != nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMakeServerTLS: each server's certificate is good for its hosts and no others,
// and making them again changes nothing but for what is missing.
func TestMakeServerTLS(t *testing.T) {
	dir, ca := authority(t)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca)) {
		t.Fatal("no authority")
	}
	leaf := func(n int) *x509.Certificate {
		t.Helper()
		files := fabric.ServerTLSIn(dir, n)
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	for host, good := range map[string]bool{"h1": true, "10.0.0.1": true, "127.0.0.1": true, "localhost": true, "h2": false, "10.0.0.2": false} {
		_, err := leaf(1).Verify(x509.VerifyOptions{DNSName: host, Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if (err == nil) != good {
			t.Errorf("server 1 as %s: %v", host, err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before, lost := leaf(1), fabric.ServerTLSIn(dir, 2)
	if err := os.Remove(lost.Cert); err != nil {
		t.Fatal(err)
	}
	again, err := fabric.MakeServerTLS(dir, [][]string{{"h1"}, {"h2"}, {"h3"}, {"h4"}}, time.Now())
	if err != nil || string(again) != ca || !leaf(1).Equal(before) {
		t.Fatalf("made again: %v", err)
	}
	for n, host := range []string{"h2", "h3", "h4"} {
		if err := leaf(n + 2).VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	for _, hosts := range [][][]string{nil, {{""}}, {{"a b"}}, {{"*.example.test"}}, {{"h1:4222"}}, make([][]string, 10)} {
		if _, err := fabric.MakeServerTLS(filepath.Join(t.TempDir(), "tls"), hosts, time.Now()); err == nil {
			t.Errorf("hosts %q are accepted", hosts)
		}
	}
}
