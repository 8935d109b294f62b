package httpcall

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// dialTimeout bounds a connection attempt that outlives the call that began it.
const dialTimeout = 10 * time.Second

// Client is the tool. It is safe for concurrent use. The zero value refuses.
type Client struct {
	tools       map[string]tool
	maxResponse int
}

// tool is what one tool may do: rules to choose from, or one endpoint.
type tool struct {
	method   string
	rules    []rule
	endpoint *endpoint
}

// rule is a checked Rule.
type rule struct {
	scheme, host, path string
	query              bool
	transport          *http.Transport
}

// endpoint is a checked Endpoint.
type endpoint struct {
	raw              string // as configured: what the resource is compared with
	at               location
	resourceArgument string
	transport        *http.Transport
}

// New checks the whole allow-list. Nothing in it is repaired: an entry that could
// mean two things is an error.
func New(c Config) (*Client, error) {
	client := &Client{tools: make(map[string]tool), maxResponse: c.MaxResponse}
	if client.maxResponse == 0 {
		client.maxResponse = MaxResponse
	}
	if client.maxResponse < 0 || client.maxResponse > MaxResponse {
		return nil, fmt.Errorf("httpcall: MaxResponse is %d; give 1 to %d, or 0 for the most", c.MaxResponse, MaxResponse)
	}
	for i, r := range c.Rules {
		if err := client.addRule(r, c); err != nil {
			return nil, fmt.Errorf("httpcall: rule %d, for the tool %q: %w", i, r.Tool, err)
		}
	}
	for name, e := range c.Endpoints {
		if err := client.addEndpoint(name, e, c); err != nil {
			return nil, fmt.Errorf("httpcall: endpoint of the tool %q: %w", name, err)
		}
	}
	return client, nil
}

func (c *Client) addRule(r Rule, config Config) error {
	if _, ok := methods[r.Method]; !ok || r.Tool == "" {
		return fmt.Errorf("it has the method %q; name the tool, and GET, HEAD, POST, PUT, PATCH or DELETE", r.Method)
	}
	written := r.Scheme + "://" + r.Host + r.Path
	at, err := parse(written)
	if err != nil {
		return fmt.Errorf("%q is not usable: %w", written, err)
	}
	if at.scheme != r.Scheme || at.host != r.Host || at.path != r.Path || at.query != "" {
		return fmt.Errorf("%q must be written as %s, %s, %s: lower case, with port, with path, without query", written, at.scheme, at.host, at.path)
	}
	if len(r.Path) > 1 && r.Path[len(r.Path)-1] == '/' {
		return fmt.Errorf("its path %q ends in a slash; leave it out, all below is admitted anyway", r.Path)
	}
	t := c.tools[r.Tool]
	if t.method != "" && t.method != r.Method {
		return fmt.Errorf("it has the method %s and an earlier rule has %s; make two tools, for policy sees the tool and not the method", r.Method, t.method)
	}
	t.method = r.Method
	t.rules = append(t.rules, rule{scheme: r.Scheme, host: r.Host, path: r.Path, query: r.Query, transport: newTransport(r.Reach, config)})
	c.tools[r.Tool] = t
	return nil
}

func (c *Client) addEndpoint(name string, e Endpoint, config Config) error {
	if e.Method == "" {
		e.Method = http.MethodPost
	}
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, e.Method) || name == "" {
		return fmt.Errorf("it has the method %q; name the tool, and POST, PUT or PATCH", e.Method)
	}
	if _, taken := c.tools[name]; taken {
		return errors.New("the tool has rules, too; choose one of the two")
	}
	at, err := parse(e.URL)
	if err != nil {
		return fmt.Errorf("%q is not usable: %w", e.URL, err)
	}
	c.tools[name] = tool{method: e.Method, endpoint: &endpoint{
		raw: e.URL, at: at, resourceArgument: e.ResourceArgument, transport: newTransport(e.Reach, config),
	}}
	return nil
}

// newTransport makes a transport that connects where reach allows and does
// nothing of its own accord: used bare, without an [http.Client], it knows neither
// redirects nor cookies. Each entry has one, lest an entry use a connection that
// another, with more reach, has opened.
func newTransport(reach Reach, config Config) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: config.Resolver, Control: reach.control}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 sends streams again that a server refused
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		DisableKeepAlives:      true,
		DisableCompression:     true, // the cap is on what arrives
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              protocols,
	}
}
