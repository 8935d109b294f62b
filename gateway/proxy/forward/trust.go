package forward

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"

	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
	"github.com/portcullis-dev/portcullis/host"
)

// trusted refuses who may not call: by a name that is not this proxy's, from a page of
// somebody else, or without the token.
func (s *Server) trusted(r *http.Request) error {
	if name := host.Name(r.Host); !host.Own(name) && !slices.Contains(s.cfg.Hosts, name) {
		return &mapping.Fault{Status: http.StatusMisdirectedRequest, Text: "this is not the host that was asked for; name it with --host"}
	}
	origins := r.Header.Values("Origin")
	if len(origins) > 1 || len(origins) == 1 && !slices.Contains(s.cfg.Origins, origins[0]) {
		return &mapping.Fault{Status: http.StatusForbidden, Text: "pages of this web origin may not call; name it with --origin"}
	}
	// A browser that asks for a picture on another page's behalf sends no Origin.
	if site := r.Header.Values("Sec-Fetch-Site"); len(origins) == 0 && len(site) > 0 && !slices.Equal(site, []string{"none"}) && !slices.Equal(site, []string{"same-origin"}) {
		return &mapping.Fault{Status: http.StatusForbidden, Text: "a page of another site may not call"}
	}
	return s.bearer(r)
}

func (s *Server) bearer(r *http.Request) error {
	if s.cfg.Token == "" {
		return nil
	}
	shown := r.Header.Values("Authorization")
	want := sha256.Sum256([]byte("Bearer " + s.cfg.Token)) // equal lengths, for the comparison
	if len(shown) == 1 {
		if got := sha256.Sum256([]byte(shown[0])); subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			return nil
		}
	}
	return &mapping.Fault{Status: http.StatusUnauthorized, Text: "the proxy's token is missing or wrong; send it as Authorization: Bearer"}
}
