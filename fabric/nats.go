package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// brokerCA is the file with NATS.CA in a fabric's folder.
const brokerCA = "broker-ca.pem"

// maxServers bounds how many servers a zone's cluster may have.
const maxServers = 9

// NATS says where the broker is.
type NATS struct {
	URL      string // where participants connect; several servers with commas
	Port     int    // where an embedded server listens
	Replicas int    // on how many servers of an operator's the ledger stands: 1 or 3; 0 means on an embedded one
	CA       string // authorities, in PEM, that made the certificates of tls:// servers; "" means those of each machine
}

// natsConfig is NATS in fabric.json.
type natsConfig struct {
	URL      string `json:"url"`
	Port     int    `json:"port"`
	Replicas int    `json:"replicas,omitempty"`
	CA       string `json:"ca,omitempty"` // the name of the file: brokerCA
}

// Servers lists the servers' URLs.
func (n NATS) Servers() []string {
	urls := strings.Split(n.URL, ",")
	for i := range urls {
		urls[i] = strings.TrimSpace(urls[i])
	}
	return urls
}

// Embedded reports whether the broker is one of this house's processes, and not
// servers that an operator runs.
func (n NATS) Embedded() bool { return n.Replicas == 0 }

// Secure reports whether the servers speak TLS only.
func (n NATS) Secure() bool { return strings.HasPrefix(n.URL, "tls://") }

// Check refuses what no zone can rest on. What is said of an embedded server is
// checked where it starts.
func (n NATS) Check() error {
	if err := n.fault(); err != nil {
		return fmt.Errorf("fabric: the broker: %w", err)
	}
	return nil
}

func (n NATS) fault() error {
	servers := n.Servers()
	switch {
	case strings.Contains(n.URL, "@"): // and it must not be repeated
		return errors.New("a server's URL holds a user, a password or a token; participants are known by their keys: leave it out")
	case n.Replicas == 0 && len(servers) > 1:
		return errors.New("several servers, and it is not said on how many of them the ledger stands; use 1 or 3 replicas")
	case n.Replicas != 0 && n.Replicas != 1 && n.Replicas != 3:
		return fmt.Errorf("%d replicas; use 1 or 3", n.Replicas)
	case n.Replicas == 1 && len(servers) != 1:
		return fmt.Errorf("%d servers for one replica; use one server, or 3 replicas", len(servers))
	case len(servers) < n.Replicas || len(servers) > maxServers:
		return fmt.Errorf("%d servers for %d replicas; name at least as many, and at most %d", len(servers), n.Replicas, maxServers)
	case n.CA != "" && !n.Secure():
		return errors.New("an authority for servers that speak no TLS; use tls:// URLs, or name none")
	case n.CA != "":
		if err := checkAuthorities(n.CA); err != nil {
			return fmt.Errorf("its authority: %w", err)
		}
	}
	if n.Replicas == 0 {
		return nil
	}
	return checkServers(servers)
}

func checkServers(servers []string) error {
	seen := map[string]bool{}
	scheme, _, _ := strings.Cut(servers[0], "://")
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" || server != u.Scheme+"://"+u.Host {
			return fmt.Errorf("server %q; give it as nats://host:port or tls://host:port", server)
		}
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || host == "" {
			return fmt.Errorf("server %q names no host or no port; give it as %s://host:port", server, u.Scheme)
		}
		if number, err := strconv.Atoi(port); err != nil || number < 1 || number > 65535 {
			return fmt.Errorf("server %q: port %q; use 1 to 65535", server, port)
		}
		if u.Scheme != scheme {
			return errors.New("some servers are nats:// and some tls://; make them all one or the other")
		}
		if seen[u.Host] {
			return fmt.Errorf("server %q is named twice; name each once", server)
		}
		seen[u.Host] = true
	}
	return nil
}

// checkAuthorities demands certificates of authorities in PEM and nothing else,
// so that no private key is spread by mistake.
func checkAuthorities(text string) error {
	certs, err := parseCerts([]byte(text))
	if err != nil {
		return err
	}
	for _, cert := range certs {
		if !cert.IsCA {
			return errors.New("a certificate is not an authority's; give the one that signed the servers' certificates")
		}
	}
	if len(certs) == 0 {
		return errors.New("it holds no certificate in PEM")
	}
	return nil
}

// settings is how fabric.json says where the broker is.
func (n NATS) settings() natsConfig {
	c := natsConfig{URL: n.URL, Port: n.Port, Replicas: n.Replicas}
	if n.CA != "" {
		c.CA = brokerCA
	}
	return c
}

// nats reads what fabric.json in dir says of the broker.
func (c natsConfig) nats(dir string) (NATS, error) {
	n := NATS{URL: c.URL, Port: c.Port, Replicas: c.Replicas}
	switch c.CA {
	case "":
	case brokerCA:
		text, err := ReadSecret(filepath.Join(dir, brokerCA))
		if err != nil {
			return NATS{}, err
		}
		n.CA = string(text)
	default:
		return NATS{}, fmt.Errorf("nats: ca is %q; it must be %q", c.CA, brokerCA)
	}
	return n, n.Check()
}
