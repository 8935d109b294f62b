package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/portcullis-dev/portcullis/host"
)

// trusted reports whether a request comes by a name of this machine, and from no
// page of anybody else.
func (s *Server) trusted(r *http.Request) bool {
	if !host.Own(host.Name(r.Host)) && !slices.Contains(s.cfg.Hosts, host.Name(r.Host)) {
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if !slices.Contains(s.cfg.Origins, origin) && (err != nil || !host.Own(u.Hostname())) {
			return false
		}
	}
	return true
}
