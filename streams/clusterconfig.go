package streams

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
)

// Cluster is what makes a server one of several that keep the same streams. The
// servers of a cluster are given the same participants.
type Cluster struct {
	Name     string   // the same for all of them
	Host     string   // where the other servers connect; "" means the client's host
	Port     int      // 1 to 65535
	Routes   []string // "host:port" of the other servers
	Password string   // what the servers show each other, 32 hexadecimal digits or more; a secret
}

// ServerTLS names the PEM files with which a server proves who it is: to clients
// by its certificate, to the other servers of its cluster mutually. Clients prove
// who they are by their NKey.
type ServerTLS struct {
	Cert, Key string
	CA        string // what certificates of the other servers must lead to; only a cluster needs it
}

// routeUser is whom servers of one cluster pretend to be to each other: the
// password is what counts.
const routeUser = "portcullis"

// minPassword is the shortest password of a cluster, in bytes.
const minPassword = 16

func (p ConfigParams) checkCluster() error {
	fail := func(format string, a ...any) error {
		return fmt.Errorf("streams: config: cluster: %w", fmt.Errorf(format, a...))
	}
	if t := p.TLS; t != nil && (t.Cert == "" || t.Key == "" || p.Cluster != nil && t.CA == "") {
		return errors.New("streams: config: TLS needs the files of a certificate and its key, and in a cluster of the authority's certificate")
	}
	c := p.Cluster
	if c == nil {
		return nil
	}
	secret, err := hex.DecodeString(c.Password)
	switch {
	case p.ServerName == "" || c.Name == "":
		return fail("the server and the cluster need names")
	case p.Port < 1 || c.Port < 1 || p.Port > 65535 || c.Port > 65535:
		return fail("ports %d and %d; servers that look for each other need certain ones, 1 to 65535", p.Port, c.Port)
	case err != nil || len(secret) < minPassword:
		return fail("the password is not %d hexadecimal digits or more", 2*minPassword)
	case len(c.Routes) == 0:
		return fail("no route to another server is named")
	}
	for _, route := range c.Routes {
		if err := checkHostPort(route); err != nil {
			return fail("route %q: %w", route, err)
		}
	}
	return nil
}

// checkHostPort demands a host and a port that can be connected to.
func checkHostPort(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("it is not host:port: %w", err)
	}
	if number, err := strconv.Atoi(port); host == "" || err != nil || number < 1 || number > 65535 {
		return errors.New("it is not host:port with a port from 1 to 65535")
	}
	return nil
}

// tls writes how clients are shown who the server is. The server refuses
// whoever speaks plaintext.
func (w *configWriter) tls(t *ServerTLS) {
	if t == nil {
		return
	}
	w.open("tls")
	w.line("cert_file: %q", t.Cert)
	w.line("key_file: %q", t.Key)
	w.line("min_version: %q", "1.3")
	w.line("timeout: %d", tlsSeconds)
	w.close()
}

// tlsSeconds is how long a handshake may take on a busy machine.
const tlsSeconds = 5

// A server that has not answered for four seconds is given up by the others.
const (
	routePing     = "1s"
	routePingsOut = 3
)

func (w *configWriter) cluster(p ConfigParams) {
	c := p.Cluster
	if c == nil {
		return
	}
	w.open("cluster")
	w.line("name: %q", c.Name)
	w.line("host: %q", orElse(c.Host, orElse(p.Host, "127.0.0.1")))
	w.line("port: %d", c.Port)
	// Clients connect where they were told to, and nowhere that a server invents.
	w.line("no_advertise: true")
	// A server that hangs, or is cut off, must be known for dead before anybody's patience
	// ends: until then the others pass reads on to it, which nobody answers.
	w.line("ping_interval: %q", routePing)
	w.line("ping_max: %d", routePingsOut)
	w.line("authorization: {user: %s, password: %q, timeout: %d}", routeUser, c.Password, tlsSeconds)
	if p.TLS != nil {
		w.open("tls")
		w.line("cert_file: %q", p.TLS.Cert)
		w.line("key_file: %q", p.TLS.Key)
		w.line("ca_file: %q", p.TLS.CA)
		w.line("verify: true")
		w.line("min_version: %q", "1.3")
		w.line("timeout: %d", tlsSeconds)
		w.close()
	}
	var routes []string
	for _, address := range slices.Sorted(slices.Values(c.Routes)) {
		route := url.URL{Scheme: "nats-route", User: url.UserPassword(routeUser, c.Password), Host: address}
		routes = append(routes, fmt.Sprintf("%q", route.String()))
	}
	w.list("routes", routes)
	w.close()
}
