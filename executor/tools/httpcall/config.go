package httpcall

import (
	"crypto/x509"
	"net"
	"net/http"
)

// MaxResponse is the hard cap on a response's body, in bytes.
// [Config.MaxResponse] may lower it.
const MaxResponse = 256 << 10

// Config says what may be called. With neither rules nor endpoints every call is
// refused.
type Config struct {
	// Rules are the allow-list for tools that take a URL. A tool may have
	// several; the first that admits the URL counts.
	Rules []Rule
	// Endpoints are the tools that are bound to one URL, by tool name.
	Endpoints map[string]Endpoint
	// MaxResponse is the largest body of a response, in bytes; 0 is the constant
	// of that name, which is also the most.
	MaxResponse int
	// RootCAs verify servers; nil means the system's.
	RootCAs *x509.CertPool
	// Resolver looks up hosts; nil means [net.DefaultResolver]. It need not be
	// trusted: addresses are judged when they are dialled.
	Resolver *net.Resolver
}

// Rule admits URLs for one tool.
type Rule struct {
	Tool   string // the tool's name
	Method string // GET, HEAD, POST, PUT, PATCH or DELETE; the same in all rules of a tool
	Scheme string // https, or http for what may go in the clear
	Host   string // host:port, in lower case, the port always written out
	Path   string // this path and all below it, by whole segments: /api admits /api and /api/x, not /apix
	Query  bool   // whether the URL may have a query, of any content
	Reach
}

// Endpoint is a fixed URL that takes a tool's arguments as JSON.
type Endpoint struct {
	URL string
	// Method is POST (also if empty), PUT or PATCH.
	Method string
	// ResourceArgument names the argument, a string, that must equal the intent's
	// resource (say, the account that is debited), so that what policy judged is
	// what the endpoint acts on. If empty, the resource must equal URL.
	ResourceArgument string
	Reach
}

// Reach names the addresses outside the public internet that an entry may
// connect to. The zero value allows none.
type Reach struct {
	AllowLoopback  bool // 127.0.0.0/8, ::1
	AllowPrivate   bool // RFC 1918, RFC 6598 (shared), RFC 4193 (unique local)
	AllowLinkLocal bool // 169.254.0.0/16, fe80::/10: also where clouds hand out credentials
}

// methods that a rule may name, and whether they carry a body.
var methods = map[string]bool{
	http.MethodGet:    false,
	http.MethodHead:   false,
	http.MethodPost:   true,
	http.MethodPut:    true,
	http.MethodPatch:  true,
	http.MethodDelete: true,
}
