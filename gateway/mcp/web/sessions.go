package web

import (
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// sessionHeader names a session, once the server has given it a name.
const sessionHeader = "Mcp-Session-Id"

// maxSessions bounds what is remembered; the longest unused is forgotten first, and
// its client has to begin anew.
const maxSessions = 256

// session is one session of a client with the server.
type session struct {
	*mcp.Session

	mu    sync.Mutex
	asks  bool                   // the client can ask its user
	lists map[string]bool        // tools/list of the client on their way
	waits jsonrpc.Waits          // answers that the gateway waits for, by side and id
	late  map[string]chan []byte // by call: what to write instead of an answer that came on another stream
	used  time.Time
}

// sessions are the sessions by the server's names for them. The one without a name
// is shared by all clients of a server that has no sessions.
type sessions struct {
	gateway *mcp.Gateway

	mu   sync.Mutex
	byID map[string]*session
}

func newSessions(g *mcp.Gateway) *sessions {
	return &sessions{gateway: g, byID: map[string]*session{}}
}

var errNoSession = errors.New("mcp: this session is not known to the gateway; initialize anew")

// find is a session that has begun here.
func (s *sessions) find(id string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byID[id]
	if one == nil && id != "" {
		return nil, errNoSession
	}
	if one == nil {
		return s.add("", (*mcp.Gateway).NewSharedSession)
	}
	one.used = time.Now()
	return one, nil
}

// begin is a session that the server has just named.
func (s *sessions) begin(id string, asks bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, err := s.add(id, (*mcp.Gateway).NewSession)
	if err == nil {
		one.asks = asks
	}
	return err
}

// add is called with mu held.
func (s *sessions) add(id string, begin func(*mcp.Gateway) (*mcp.Session, error)) (*session, error) {
	if len(s.byID) >= maxSessions {
		delete(s.byID, s.oldest())
	}
	begun, err := begin(s.gateway)
	if err != nil {
		return nil, err
	}
	one := &session{
		Session: begun, lists: map[string]bool{}, waits: jsonrpc.Waits{}, late: map[string]chan []byte{}, used: time.Now(),
	}
	s.byID[id] = one
	return one, nil
}

func (s *sessions) oldest() string {
	name, first := "", true
	var at time.Time
	for id, one := range s.byID {
		if first || one.used.Before(at) {
			name, at, first = id, one.used, false
		}
	}
	return name
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// expect registers a wait for an answer of one end, by its key.
func (s *session) expect(key string) chan jsonrpc.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits.Expect(key)
}

func (s *session) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waits, key)
}

// answered hands an answer to whoever in the gateway waits for it.
func (s *session) answered(from jsonrpc.Side, m jsonrpc.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits.Answer(from, m)
}
