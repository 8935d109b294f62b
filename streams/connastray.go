package streams

import (
	"math/rand/v2"
	"sync"
	"time"
)

// In a cluster a server can be well and yet not reach the leader of a stream that others
// reach: a way between two servers is cut, or one of them does not know what the other
// has. Its clients are astray: each append is answered with "nobody is there", or a server
// that keeps the ledger never says whether it syncs. Whoever hears that for long, and
// nothing else, connects to another server.

// theSyncing is the question, beside those to each stream's leader, whether all servers on
// whom acknowledgements rest sync.
const theSyncing = streamCount

// astrayAfter is for how long a question may stay without an answer before another server is
// tried. An election takes a few seconds, and any server knows its outcome. Each wait is
// longer by a random part of astraySpread, so that not all move at one moment.
const (
	astrayAfter  = 6 * time.Second
	astraySpread = 3 * time.Second
)

// astray tells when a connection's server has not led to a stream's leader for too long.
type astray struct {
	mu    sync.Mutex
	limit time.Duration             // guarded by mu; 0: to be drawn
	since [theSyncing + 1]time.Time // guarded by mu; since when nobody answers; zero: somebody did
}

// answered notes that a stream's leader, or every server that was asked, answered.
func (a *astray) answered(s Stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since[s] = time.Time{}
}

// unanswered notes that a question had no answer, and reports whether that has been so for
// too long.
func (a *astray) unanswered(s Stream, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.limit == 0 {
		a.limit = astrayAfter + rand.N(astraySpread) //nolint:gosec // nothing rests on what is guessed
	}
	if a.since[s].IsZero() {
		a.since[s] = now
	}
	return now.Sub(a.since[s]) >= a.limit
}

// moved notes that another server is asked from now on.
func (a *astray) moved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit, a.since = 0, [theSyncing + 1]time.Time{}
}

// unanswered notes that a question had no answer though the connection stands, and has it try
// another server when that lasts.
func (c *Conn) unanswered(q Stream, err error) {
	if !c.Connected() || !c.astray.unanswered(q, time.Now()) {
		return
	}
	c.astray.moved()
	if len(c.nc.Servers()) < 2 {
		return // there is no other
	}
	c.log.Warn("this server does not lead to the others; trying another", "participant", c.cfg.Name, "server", c.nc.ConnectedUrlRedacted(), "err", err)
	if err := c.nc.ForceReconnect(); err != nil {
		c.log.Warn("trying another server", "participant", c.cfg.Name, "err", err)
	}
}
