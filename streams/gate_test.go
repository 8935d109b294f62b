package streams

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/door"
)

// few are limits under which a test's agent has to wait.
func few() door.Limits {
	l := door.DefaultLimits
	l.Messages, l.Burst = 50, 10*time.Millisecond
	return l
}

// TestAgentsAreLimited: what an agent sends over the network waits at the door of
// its server; an enforcer's does not.
func TestAgentsAreLimited(t *testing.T) {
	w := newWorld(t, func(c *ServerConfig) { c.Limits = few() })
	flood := func(name, subject string) time.Duration {
		nc, begin := w.bare(name), time.Now()
		for range 200 {
			must(t, nc.Publish(subject, []byte("noise")))
			must(t, nc.Flush())
		}
		return time.Since(begin)
	}
	if took := flood("alice", subj(schemas.KindIntent, "alice")); took < 4*time.Second {
		t.Errorf("an agent's 400 messages at 50 a second took %v", took)
	}
	flood("enf", subj(schemas.KindDecision, "files"))
	onlyHeld(t, w.server, "alice")
}

// onlyHeld fails unless the door of a server held back this one and no other.
func onlyHeld(t *testing.T, s *Server, name string) {
	t.Helper()
	for _, v := range s.Visitors() {
		if held := v.Held > 0; held != strings.HasSuffix(v.Name, "_"+name) {
			t.Errorf("held back: %v for %+v", held, v)
		}
	}
}

func TestHalfLimitsAreRefused(t *testing.T) {
	_, err := StartServer(ServerConfig{StoreDir: t.TempDir(), Port: -1, Limits: door.Limits{Bytes: 1}})
	if err == nil || !strings.Contains(err.Error(), "messages a second") {
		t.Fatalf("started: %v", err)
	}
}

// TestClusterDoors: a door stands before each server of a cluster, nobody gets in
// beside it, and a client is told of no other address than the door's.
func TestClusterDoors(t *testing.T) {
	c := newCluster(t, clusterConfig{tls: true, durable: relaxed, limits: few()})
	for i, node := range c.nodes {
		if want := c.urls(i); node.URL() != want {
			t.Errorf("server %d is at %s, its door was to be at %s", i, node.URL(), want)
		}
		alice := c.at("alice", i)
		for n := range 40 {
			c.append(alice, subj(schemas.KindIntent, "alice"), fmt.Sprintf("%d at %d", n, i))
		}
		onlyHeld(t, node, "alice")
		if others := alice.nc.DiscoveredServers(); len(others) > 0 {
			t.Errorf("a client of server %d is sent to %v", i, others)
		}
		if said := greeting(t, node.URL()); said.at() != fmt.Sprintf("127.0.0.1:%d", c.params[i].Port) || len(said.URLs) > 0 {
			t.Errorf("server %d tells its clients that it is %+v", i, said)
		}
		c.nobodyInside(node)
	}
}

// nobodyInside fails if any key opens a connection where the server itself listens.
func (c *cluster) nobodyInside(node *Server) {
	c.t.Helper()
	inside := node.ns.Addr().String()
	if strings.HasSuffix(node.URL(), inside) || !strings.HasPrefix(inside, "127.0.0.1:") {
		c.t.Fatalf("the server listens at %s, its door is %s", inside, node.URL())
	}
	for name, seed := range c.cast.seeds {
		auth, err := signer(seed)
		must(c.t, err)
		nc, err := nats.Connect("nats://"+inside, auth)
		if err == nil {
			nc.Close()
		}
		if !errors.Is(err, nats.ErrAuthorization) {
			c.t.Errorf("%s walks around the door: %v", name, err)
		}
	}
}

// info is what of a server's greeting leads a client somewhere.
type info struct {
	Host string
	Port int
	URLs []string `json:"connect_urls"`
}

func (i info) at() string { return fmt.Sprintf("%s:%d", i.Host, i.Port) }

// greeting is the first line that a server sends.
func greeting(t *testing.T, url string) (said info) {
	t.Helper()
	_, address, _ := strings.Cut(url, "://")
	raw, err := (&net.Dialer{}).DialContext(soon(t), "tcp", address)
	must(t, err)
	defer raw.Close()
	must(t, raw.SetDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReader(raw).ReadString('\n')
	must(t, err)
	must(t, json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &said))
	return said
}

// TestClusterReloadReachesTheDoors: who is enrolled later comes in, who is revoked
// is thrown out, and an agent that becomes something else is not held back any more.
func TestClusterReloadReachesTheDoors(t *testing.T) {
	c := newCluster(t, clusterConfig{tls: true, durable: relaxed, limits: few()})
	bob := c.at("bob", 1)
	key, seed := newUser(t)
	c.cast.seeds["carol"] = seed
	var next []Participant
	for _, p := range c.cast.all {
		switch p.Name {
		case "bob": // revoked
		case "alice":
			p.Role = roles["enf"]
			next = append(next, p)
		default:
			next = append(next, p)
		}
	}
	next = append(next, Participant{Zone: zone, Name: "carol", Role: roles["bob"], Key: key})
	for i := range c.nodes {
		c.params[i].Participants = next
		c.reload(i)
	}
	eventually(t, "the revoked agent is thrown out", func() bool { return !bob.Connected() })
	auth, err := signer(c.cast.seeds["bob"])
	must(t, err)
	if _, err := nats.Connect(c.urls(1), auth, nats.RootCAs(c.params[1].TLS.CA)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("the revoked agent came in again: %v", err)
	}
	c.append(c.at("carol", 1), subj(schemas.KindIntent, "carol"), "hello")
	alice := c.at("alice", 1)
	for range 100 {
		c.append(alice, subj(schemas.KindDecision, "files"), "as an enforcer")
	}
	for _, v := range c.nodes[1].Visitors() {
		if strings.HasSuffix(v.Name, "_alice") && (!v.Trusted || v.Held > 0) {
			t.Errorf("an agent that is none any more: %+v", v)
		}
	}
}

// TestReloadShowsANewCertificate: the door shows the certificate of the newest
// configuration, and neither its address nor TLS itself can change on the way.
func TestReloadShowsANewCertificate(t *testing.T) {
	c := newCluster(t, clusterConfig{tls: true, durable: relaxed})
	before := shownAt(t, c.nodes[0])
	files, _ := serverCertificates(t, 1)
	was := c.params[0]
	c.params[0].TLS = &ServerTLS{Cert: files[0].Cert, Key: files[0].Key, CA: was.TLS.CA}
	c.reload(0)
	if after := shownAt(t, c.nodes[0]); after.Equal(before) {
		t.Error("the door shows the old certificate")
	}
	for name, spoil := range map[string]func(*ConfigParams){
		"another address": func(p *ConfigParams) { p.Port = freePorts(t, 1)[0] },
		"no TLS":          func(p *ConfigParams) { p.TLS = nil },
	} {
		p := was
		spoil(&p)
		text, err := Config(p)
		must(t, err)
		if err := c.nodes[0].reread(RunConfig{Text: func() (string, error) { return text, nil }}); !errors.Is(err, errMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.params[0] = was
	c.reload(0)
	c.append(c.at("alice", 0), subj(schemas.KindIntent, "alice"), "as before")
}

// shownAt is the certificate that a server's door shows.
func shownAt(t *testing.T, s *Server) *x509.Certificate {
	t.Helper()
	var shown *x509.Certificate
	_, err := nats.Connect(s.URL(), nats.Secure(&tls.Config{
		InsecureSkipVerify: true, // it is looked at, not trusted
		VerifyConnection: func(state tls.ConnectionState) error {
			shown = state.PeerCertificates[0]
			return os.ErrClosed // it was only a look
		},
	}))
	if shown == nil {
		t.Fatalf("no certificate was shown: %v", err)
	}
	return shown
}
