package local

import (
	"slices"
	"sync"

	"github.com/portcullis-dev/portcullis/agent"
)

// maxSessions is how many sessions are kept; a client whose session was dropped goes
// on in a new one.
const maxSessions = 256

// sessions are the ledger's sessions, by the names that clients give them.
type sessions struct {
	agent *agent.Agent

	mu     sync.Mutex
	chains map[string]*agent.Session
	order  []string // of use, newest last
}

func newSessions(a *agent.Agent) *sessions {
	return &sessions{agent: a, chains: map[string]*agent.Session{}}
}

// of is the session of a name, begun if there is none.
func (s *sessions) of(name string) (*agent.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chain := s.chains[name]
	if chain == nil {
		var err error
		if chain, err = s.agent.NewSession(); err != nil {
			return nil, err
		}
		s.chains[name] = chain
	}
	s.order = append(slices.DeleteFunc(s.order, func(n string) bool { return n == name }), name)
	if len(s.order) > maxSessions {
		delete(s.chains, s.order[0])
		s.order = s.order[1:]
	}
	return chain, nil
}

// drop ends a session of which an intent is missing on the ledger: whatever followed
// in it would be denied.
func (s *sessions) drop(name string, chain *agent.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.chains[name] == chain {
		delete(s.chains, name)
	}
}
