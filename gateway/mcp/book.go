package mcp

import (
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// bookFresh is how long a look at the release counts.
const bookFresh = time.Second

// releaseBook is what a data folder knows of the release in force. The ledger may
// be ahead of it: then tools are hidden that could be called, or shown that cannot.
type releaseBook struct {
	load  func() (*governance.Release, error)
	agent trust.Identity

	mu      sync.Mutex
	at      time.Time
	release *governance.Release // nil if it cannot be read
}

// NewBook reads the release with load, at most once in a second. While it cannot be
// read, no tool is usable.
func NewBook(agent trust.Identity, load func() (*governance.Release, error)) Book {
	return &releaseBook{load: load, agent: agent}
}

func (b *releaseBook) current() *governance.Release {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); b.at.IsZero() || now.Sub(b.at) >= bookFresh {
		b.at = now
		b.release, _ = b.load() // nil on an error: nothing is pinned, nothing usable
	}
	return b.release
}

// Pinned implements Book.
func (b *releaseBook) Pinned(tool string) trust.Digest {
	r := b.current()
	if r == nil {
		return trust.Digest{}
	}
	t, _ := r.Tool(tool)
	return trust.DigestIn(t.GetDefinitionDigest())
}

// Usable implements Book.
func (b *releaseBook) Usable(tool string) bool {
	r := b.current()
	if r == nil {
		return false
	}
	entry, enrolled := r.Identity(b.agent)
	return enrolled && entry.MayUse(tool)
}
