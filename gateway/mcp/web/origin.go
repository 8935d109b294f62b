package web

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// trusted reports whether a request comes by a name of this machine, and from no
// page of anybody else.
func (s *Server) trusted(r *http.Request) bool {
	if !own(hostname(r.Host)) && !slices.Contains(s.cfg.Hosts, hostname(r.Host)) {
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if !slices.Contains(s.cfg.Origins, origin) && (err != nil || !own(u.Hostname())) {
			return false
		}
	}
	return true
}

func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return strings.ToLower(host)
}

// own reports whether a name means this machine wherever it is asked.
func own(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
