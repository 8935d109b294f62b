// Package host tells names of this machine from others, for servers that only this
// machine may ask: a name that somebody else points at it would let any web page ask.
package host

import (
	"net"
	"strings"
)

// Name is the host of a Host header, in lower case and without its port.
func Name(hostport string) string {
	name, _, err := net.SplitHostPort(hostport)
	if err != nil {
		name = strings.Trim(hostport, "[]")
	}
	return strings.ToLower(name)
}

// Own reports whether a name means this machine wherever it is asked.
func Own(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}
