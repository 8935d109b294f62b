package access

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// askedAnew is how long a request of somebody with a certificate goes on before it has
// to be asked again, when certificates can be revoked: streams of events are.
const askedAnew = 5 * time.Minute

// Certificates let people in by the client certificate that TLS verified. The server
// must verify what is given (tls.VerifyClientCertIfGiven or stricter).
type Certificates struct {
	Roles   Roles    // by SPIFFE ID or, for certificates without one, by common name
	Revoked *Revoked // nil: nobody publishes revocations
}

var _ surface.Access = (*Certificates)(nil)

// Who is whom the certificate names, or Anyone. TLS verified the certificate when the
// connection began: that it has not ended or been revoked since is asked each time.
func (c *Certificates) Who(r *http.Request) (surface.User, error) {
	nobody := surface.User{Role: surface.Anyone, How: "certificate"}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return nobody, nil
	}
	now := time.Now()
	cert := r.TLS.VerifiedChains[0][0]
	if now.After(cert.NotAfter) {
		return surface.User{}, &surface.Problem{Status: http.StatusUnauthorized, Title: "your certificate has expired", Mend: "renew it"}
	}
	if c.Revoked != nil {
		if err := c.Revoked.Check(r.TLS.VerifiedChains); err != nil {
			return surface.User{}, &surface.Problem{Status: http.StatusUnauthorized, Title: "your certificate is not accepted", Detail: err.Error(), Mend: "ask who issues certificates"}
		}
	}
	name, err := nameOf(cert)
	if err != nil {
		return surface.User{}, &surface.Problem{Status: http.StatusForbidden, Title: "your certificate names nobody", Detail: err.Error(), Mend: "ask who issues certificates"}
	}
	role := c.Roles.of(name)
	if !role.Allows(surface.Viewer) {
		return surface.User{}, &surface.Problem{
			Status: http.StatusForbidden, Title: "you have no role here", Detail: "your certificate's name is " + name, Mend: "ask who runs the console for a role",
		}
	}
	until := cert.NotAfter
	if anew := now.Add(askedAnew); c.Revoked != nil && anew.Before(until) {
		until = anew
	}
	login, end := context.WithDeadline(r.Context(), until)
	context.AfterFunc(r.Context(), end)
	return surface.User{Name: name, Subject: name, Role: role, How: "certificate", Login: login}, nil
}

// Routes are none: who has a certificate is in.
func (*Certificates) Routes() []surface.Route { return nil }

// nameOf is a certificate's one SPIFFE ID (X.509-SVID, section 2), or its common name if
// it has no URI at all.
func nameOf(cert *x509.Certificate) (string, error) {
	name := cert.Subject.CommonName
	switch len(cert.URIs) {
	case 0:
		if strings.Contains(name, "://") { // authorities look less closely at common names than at IDs
			return "", errors.New("its common name looks like an ID")
		}
	case 1:
		if name = cert.URIs[0].String(); cert.URIs[0].Scheme != "spiffe" {
			return "", errors.New("its URI is no SPIFFE ID")
		}
	default:
		return "", errors.New("it has several URIs")
	}
	if !readable(name) {
		return "", errors.New("it has neither a SPIFFE ID nor a common name of at most 128 printable bytes")
	}
	return name, nil
}
