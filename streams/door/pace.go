package door

import (
	"net/netip"
	"sync"
	"time"
)

// How many connections one address may begin. Whoever shares an address with
// somebody who begins more may have to try several times.
const (
	arrivals      = 200  // a second
	arrivalsBurst = 1000 // at once, after a while of none
	mostAddresses = 4096 // that are told apart
)

// pace bounds how fast connections are begun: to greet somebody costs the server
// and the door a hundred times what it costs to be sent away.
type pace struct {
	mu        sync.Mutex
	addresses map[netip.Addr]*bucket
}

func newPace() *pace { return &pace{addresses: make(map[netip.Addr]*bucket)} }

// admits reports whether an address may begin a connection now.
func (p *pace) admits(from netip.Addr, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.of(from, now)
	if b.fill(now); b.level < 1 {
		return false
	}
	b.take(now, 1)
	return true
}

// of is the bucket of an address. When there are too many, those who have not
// come for a while are forgotten, and if that does not help, newcomers share one.
func (p *pace) of(from netip.Addr, now time.Time) *bucket {
	if b, known := p.addresses[from]; known {
		return b
	}
	if len(p.addresses) >= mostAddresses {
		for address, b := range p.addresses {
			if b.full(now) {
				delete(p.addresses, address)
			}
		}
	}
	if len(p.addresses) >= mostAddresses {
		from = netip.Addr{}
		if b, known := p.addresses[from]; known {
			return b
		}
	}
	b := newBucket(arrivals, arrivalsBurst, now)
	p.addresses[from] = &b
	return &b
}
