// Package access tells who asks the console, and so what they may do there.
package access

import (
	"net"
	"net/http"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/host"
)

// Loopback lets in whoever asks on this machine, by one of this machine's own names: a
// page of somebody else's that points its own name here (DNS rebinding) is refused.
// There is no login: what can be done that matters needs a signature.
type Loopback struct{}

var _ surface.Access = Loopback{}

// Who is an operator, or nobody.
func (Loopback) Who(r *http.Request) (surface.User, error) {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !host.Own(peer) || !host.Own(host.Name(r.Host)) {
		return surface.User{}, &surface.Problem{
			Status: http.StatusForbidden, Title: "this console answers its own machine only",
			Detail: "it was asked from elsewhere, or by another name", Mend: "ask for http://127.0.0.1 with its port; docs/console.md says how to serve others",
		}
	}
	return surface.User{Name: "this machine", Role: surface.Operator, How: "loopback"}, nil
}

// Routes are none: nobody logs in.
func (Loopback) Routes() []surface.Route { return nil }
