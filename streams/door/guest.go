package door

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nkeys"
)

// guest is somebody who may come in, and what it has done.
type guest struct {
	Guest
	limits Limits
	purse  *purse // nil: trusted

	mu      sync.Mutex
	visits  map[*visit]bool // guarded by mu, as what follows
	gone    bool            // not admitted any more
	visitor Visitor         // counts
	told    time.Time       // when its being held back was logged last
}

// Visitor is what a door knows of a guest since it admitted it.
type Visitor struct {
	Name        string
	Trusted     bool
	Connections int           // now
	Bytes       uint64        // received; this and the next two of agents only
	Messages    uint64        // lines received
	Intents     uint64        // items of lists received
	Held        time.Duration // that it was made to wait, over all its connections
	Refused     uint64        // connections that it had too many
	Unread      uint64        // connections that were closed because it did not read
}

// Admit puts another set of guests in force. Those who are no longer in it, or
// came with another key, are disconnected; of the others nothing changes.
func (d *Door) Admit(guests []Guest) error {
	next := make(map[string]*guest, len(guests))
	now := time.Now()
	for _, g := range guests {
		if !nkeys.IsValidPublicUserKey(g.Key) {
			return fmt.Errorf("door: guest %q: key %q is not the public part of a user NKey", g.Name, g.Key)
		}
		if other := next[g.Key]; other != nil {
			return fmt.Errorf("door: guests %q and %q have one key; each needs its own", other.Name, g.Name)
		}
		next[g.Key] = d.newGuest(g, now)
	}
	d.mu.Lock()
	before := d.guests
	for key, held := range before {
		if again := next[key]; again != nil && again.Guest == held.Guest {
			next[key] = held
		}
	}
	d.guests = next
	d.mu.Unlock()
	for key, held := range before {
		if next[key] != held {
			held.leave()
		}
	}
	return nil
}

func (d *Door) newGuest(g Guest, now time.Time) *guest {
	one := &guest{Guest: g, limits: trusted, visits: make(map[*visit]bool), visitor: Visitor{Name: g.Name, Trusted: g.Trusted}}
	if !g.Trusted {
		one.limits, one.purse = d.cfg.Limits, newPurse(d.cfg.Limits, now)
	}
	return one
}

func (d *Door) guest(key string) *guest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.guests[key]
}

// Seen lists every guest, by name.
func (d *Door) Seen() []Visitor {
	d.mu.Lock()
	guests := make([]*guest, 0, len(d.guests))
	for _, g := range d.guests {
		guests = append(guests, g)
	}
	d.mu.Unlock()
	all := make([]Visitor, len(guests))
	for i, g := range guests {
		g.mu.Lock()
		all[i] = g.visitor
		all[i].Connections = len(g.visits)
		g.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Visitor) int { return strings.Compare(a.Name, b.Name) })
	return all
}

var (
	errUnknown = errors.New("no guest has this key")
	errTooMany = errors.New("too many connections of one guest")
)

// enter counts a connection in, and says how long its first bytes must wait: to
// come in costs an agent as much as some messages.
func (g *guest) enter(v *visit, now time.Time) (time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone {
		return 0, errUnknown
	}
	if len(g.visits) >= g.limits.Connections {
		g.visitor.Refused++
		return 0, errTooMany
	}
	g.visits[v] = true
	if g.purse == nil {
		return 0, nil
	}
	return g.purse.spend(now, cost{messages: entrance}), nil
}

// entrance is what a connection costs, in messages: two signature checks and
// what the server sets up.
const entrance = 8

func (g *guest) exit(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.visits, v)
}

// leave ends every connection of somebody who is no guest any more.
func (g *guest) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = true
	for v := range g.visits {
		v.end()
	}
}

// count notes what was read, and reports whether its being held back is worth a
// line in the log.
func (g *guest) count(now time.Time, c cost, held time.Duration) (tell bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.visitor.Bytes += uint64(c.bytes)       //nolint:gosec // never negative
	g.visitor.Messages += uint64(c.messages) //nolint:gosec // never negative
	g.visitor.Intents += uint64(c.items)     //nolint:gosec // never negative
	g.visitor.Held += held
	if held == 0 || now.Sub(g.told) < tellEvery {
		return false
	}
	g.told = now
	return true
}

const tellEvery = time.Minute

func (g *guest) unreadClosed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.visitor.Unread++
}
