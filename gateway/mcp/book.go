package mcp

import (
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Book says what the release in force holds about a tool, as far as the gateway
// knows it. It decides nothing: enforcers do.
type Book interface {
	Entry(tool string) Entry
}

// Entry is one tool in the release. The zero Entry is a tool that is not in it.
type Entry struct {
	Definition trust.Digest // of the definition that is pinned; zero if none is
	Action     string       // of policies; "" means the tool's name
	Resource   string       // the argument that is the resource; "" if the release names none
	Usable     bool         // the agent may ask for the tool at all
}

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

// Entry implements Book.
func (b *releaseBook) Entry(tool string) Entry {
	r := b.current()
	if r == nil {
		return Entry{}
	}
	t, known := r.Tool(tool)
	if !known {
		return Entry{}
	}
	entry, enrolled := r.Identity(b.agent)
	return Entry{
		Definition: trust.DigestIn(t.GetDefinitionDigest()), Action: t.GetAction(), Resource: t.GetResourceArgument(),
		Usable: enrolled && entry.MayUse(tool),
	}
}
