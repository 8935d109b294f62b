package access

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	attemptsWindow = time.Minute
	attemptsEach   = 60   // a window, of one peer: a login makes two
	attemptsPeers  = 1024 // who are counted one by one; all others are counted as one
)

// attempts counts what each peer asks of the login, so that one who floods it is told to
// wait, and the issuer hears nothing of it. The zero value is ready.
type attempts struct {
	mu    sync.Mutex
	since time.Time
	count map[netip.Prefix]int
}

// allow counts one attempt and reports whether it may be made.
func (a *attempts) allow(r *http.Request) bool {
	peer := peerOf(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); a.count == nil || elapsed(a.since, now) >= attemptsWindow {
		a.since, a.count = now, map[netip.Prefix]int{}
	}
	if _, known := a.count[peer]; !known && len(a.count) >= attemptsPeers {
		peer = netip.Prefix{}
	}
	if a.count[peer] >= attemptsEach {
		return false
	}
	a.count[peer]++
	return true
}

// peerOf is the network that asks: an address of IPv4, or the 64 bits of IPv6 that one
// host has for itself. What is neither is counted as one.
func peerOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
