package authzen

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/portcullis-dev/portcullis/host"
)

// Access says who may ask. The zero value is for this machine alone: the listener must
// be on loopback, and then requests by another name than this machine's, or from a page
// that a browser loaded elsewhere, are refused all the same.
type Access struct {
	Token       string // a bearer token (RFC 6750) that every request must have; "" for none
	Certificate bool   // the TLS listener has verified a client's certificate
}

// minToken is how short a token may be: one that is made at random has 96 bits then.
const minToken = 16

func (a Access) check() error {
	if a.Token == "" {
		return nil
	}
	wrong := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(a.Token) < minToken || strings.ContainsFunc(a.Token, wrong) {
		return errors.New("authzen: a token has 16 visible ASCII characters at least and no space; make one with: openssl rand -hex 32")
	}
	return nil
}

// refuses is why a request may not ask, as a status; 0 if it may.
func (a Access) refuses(r *http.Request) int {
	switch {
	case a.Certificate && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0):
		return http.StatusUnauthorized
	case a.Token != "" && !a.bears(r.Header.Values("Authorization")):
		return http.StatusUnauthorized
	case a == Access{} && !local(r):
		return http.StatusForbidden
	default:
		return 0
	}
}

// bears compares digests, so that the time tells nothing about the token.
func (a Access) bears(headers []string) bool {
	if len(headers) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(a.Token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// local reports whether a request comes by a name of this machine, and from no page of
// anybody else: without that a name that somebody points at this machine would let any
// web page ask.
func local(r *http.Request) bool {
	if !host.Own(host.Name(r.Host)) {
		return false
	}
	for _, origin := range r.Header.Values("Origin") {
		if u, err := url.Parse(origin); err != nil || !host.Own(u.Hostname()) {
			return false
		}
	}
	return true
}
