package httpcall

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL bounds a URL, in bytes: an intent's resource.
const maxURL = 2048

// location is a URL that has exactly one reading.
type location struct {
	scheme string // http or https
	host   string // host:port in lower case, the port always present
	path   string // starts with a slash; as sent
	query  string // with its question mark; "" if there is none
}

// parse reads a URL; see the package's documentation for what it takes.
func parse(raw string) (location, error) {
	if len(raw) > maxURL {
		return location{}, fmt.Errorf("it has %d bytes; at most %d", len(raw), maxURL)
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}", c) >= 0 {
			return location{}, fmt.Errorf("it holds %q at byte %d; percent-encode what is not plain ASCII, and write an international host in its xn-- form", c, i)
		}
	}
	raw, _, _ = strings.Cut(raw, "#")
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return location{}, errors.New("it does not start with https:// or http://")
	}
	authority, path, query := cut(rest)
	host, err := parseAuthority(strings.ToLower(authority), scheme)
	if err != nil {
		return location{}, err
	}
	if path == "" {
		path = "/"
	}
	if err := checkPath(path); err != nil {
		return location{}, err
	}
	if err := checkQuery(query); err != nil {
		return location{}, err
	}
	l := location{scheme: scheme, host: host, path: path, query: query}
	return l, l.agrees()
}

// cut splits what follows "://" before its first slash and first question mark.
func cut(rest string) (authority, path, query string) {
	if i := strings.IndexByte(rest, '?'); i >= 0 {
		rest, query = rest[:i], rest[i:]
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, path = rest[:i], rest[i:]
	}
	return rest, path, query
}

// String is the location as it is sent. The default port is left out, as servers
// expect of a Host header.
func (l location) String() string {
	return l.scheme + "://" + strings.TrimSuffix(l.host, defaultPort(l.scheme)) + l.path + l.query
}

// agrees checks that the standard library, which will send it, reads the
// location as this package did.
func (l location) agrees() error {
	u, err := url.Parse(l.String())
	if err != nil {
		return fmt.Errorf("it has a second reading: %w", err)
	}
	host := u.Host
	if u.Port() == "" {
		host += defaultPort(u.Scheme)
	}
	if u.User != nil || u.Opaque != "" || u.Scheme != l.scheme || host != l.host || u.RequestURI() != l.path+l.query {
		return fmt.Errorf("it has a second reading, %q; write it plainly", u.Redacted())
	}
	return nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return ":443"
	}
	return ":80"
}

// parseAuthority reads host and port, in lower case.
func parseAuthority(authority, scheme string) (string, error) {
	if strings.Contains(authority, "@") {
		return "", errors.New("it carries user information before an @; remove it")
	}
	host, port := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port = authority[:i], authority[i:]
	}
	if port == "" && !strings.HasSuffix(authority, ":") {
		port = defaultPort(scheme)
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16); err != nil || n == 0 || ":"+strconv.FormatUint(n, 10) != port {
		return "", fmt.Errorf("its port %q is not a number from 1 to 65535", strings.TrimPrefix(port, ":"))
	}
	if err := checkHost(host); err != nil {
		return "", err
	}
	return host + port, nil
}

// checkHost admits host names in ASCII (RFC 1123), IPv4 addresses in four
// decimals, and IPv6 addresses in brackets in their canonical form (RFC 5952).
func checkHost(host string) error {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !ok || err != nil || !addr.Is6() || addr.Zone() != "" || addr.String() != inner {
			return fmt.Errorf("its host %q is not an IPv6 address in canonical form and brackets", host)
		}
		return nil
	}
	if len(host) > 253 {
		return fmt.Errorf("its host has %d bytes; at most 253", len(host))
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return fmt.Errorf("its host %q is not a host name: letters, digits and inner hyphens between single dots, none at the end", host)
		}
	}
	// Many libraries read a name that ends in a number as an address: 127.1, 0x7f000001.
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return fmt.Errorf("its host %q looks like an address and is not one in four plain decimals", host)
		}
	}
	return nil
}

// isLabel reports whether s is one label of a host name, in lower case.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
