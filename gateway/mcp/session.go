package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Refusals says how a call that is not let through is answered.
type Refusals int

// The ways to answer it.
const (
	RefuseWithError  Refusals = iota // a JSON-RPC error, code -32001
	RefuseWithResult                 // a result with isError, which models are shown
)

// Config is what a gateway needs. All fields are required but those that say
// otherwise.
type Config struct {
	Agent  *agent.Agent
	Desk   *desk.Desk
	Server string // the server's name: tools are <Server>-<tool> in the release
	Book   Book   // what the release says of tools
	Logger *slog.Logger

	Refusals Refusals
	Resource string        // the argument that is the resource of tools for which the release names none; "" means that it is Server
	ShowAll  bool          // lists show tools that could not be called as well
	Timeout  time.Duration // of a call, until its intent's deadline; 0 means 30 s
}

const defaultTimeout = 30 * time.Second

// Gateway makes sessions. Safe for concurrent use.
type Gateway struct{ cfg Config }

// New prepares a gateway.
func New(cfg Config) (*Gateway, error) {
	if cfg.Agent == nil || cfg.Desk == nil || cfg.Server == "" || cfg.Book == nil || cfg.Logger == nil {
		return nil, errors.New("mcp: Agent, Desk, Server, Book and Logger are required")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Gateway{cfg: cfg}, nil
}

// Session is a session of MCP, and of the ledger. Safe for concurrent use.
type Session struct {
	cfg    Config
	chain  *agent.Session
	defs   *definitions
	shared bool

	mu     sync.Mutex
	calls  map[string]*call // by the client's id, or by number if it is shared
	parked map[string]*call // whose clients were asked by an answer, by its state
	number int
}

// NewSharedSession begins a session of many clients that do not know of each other:
// equal ids of theirs mean different calls, and none can be cancelled.
func (g *Gateway) NewSharedSession() (*Session, error) {
	s, err := g.NewSession()
	if err != nil {
		return nil, err
	}
	s.shared = true
	return s, nil
}

// NewSession begins a session.
func (g *Gateway) NewSession() (*Session, error) {
	chain, err := g.cfg.Agent.NewSession()
	if err != nil {
		return nil, err
	}
	return &Session{cfg: g.cfg, chain: chain, defs: newDefinitions(), calls: map[string]*call{}, parked: map[string]*call{}}, nil
}

// Name is the session's name on the ledger.
func (s *Session) Name() string { return s.chain.Name() }

// Peer is the two ends that a call has, for as long as it lasts.
type Peer interface {
	// Forward sends the call to the server and waits for its answer. It is called at
	// most once. An error that wraps ErrNotForwarded says that nothing was sent.
	Forward(ctx context.Context, call jsonrpc.Message) (answer jsonrpc.Message, err error)
	// List asks the server for one page of its tools.
	List(ctx context.Context, cursor string) (Listing, error)
	// Pending tells the client that people are asked. It may ask the user whether to
	// wait on: giveUp ends the wait. It must return soon.
	// Ctx ends when the call is over.
	Pending(ctx context.Context, why *agent.Refused, giveUp func())
}

// maxCalls bounds the calls of one session that are on their way.
const maxCalls = 64

// Call takes a tools/call and returns what the client is to be told: the server's
// answer as it was sent, or a refusal; nil for a call that the client gave up.
func (s *Session) Call(ctx context.Context, m jsonrpc.Message, peer Peer) []byte {
	r, err := readCall(m)
	if err != nil {
		return jsonrpc.Refusal(m.ID, err)
	}
	if r.resume != "" {
		return s.retry(ctx, r)
	}
	ctx, stop := context.WithCancel(ctx)
	c := &call{request: r, peer: peer, stop: stop}
	if r.asks {
		c.asking = newAsking(s.cfg.Timeout)
	}
	if err := s.enter(c); err != nil {
		stop()
		return jsonrpc.Refusal(m.ID, err)
	}
	if r.asks {
		return s.callAsking(ctx, c)
	}
	return s.run(ctx, c)
}

// run carries a call out. It returns nil if the client gave it up.
func (s *Session) run(ctx context.Context, c *call) []byte {
	defer c.stop()
	defer s.leave(c)
	if err := s.resolve(c); err != nil {
		return jsonrpc.Refusal(c.message.ID, err)
	}
	if err := s.learn(ctx, c.peer); err != nil {
		return s.refusal(c.message.ID, fmt.Errorf("the server's tools could not be listed, so nothing was proposed: %w", err))
	}
	reply := s.propose(ctx, c)
	if c.givenUp() {
		return nil
	}
	return reply
}

// propose asks for the call and waits. The server's answer, if there is one,
// counts whatever became of the records about it: the client must learn of what
// was done.
func (s *Session) propose(ctx context.Context, c *call) []byte {
	c.now = func() trust.Digest { return s.defs.of(c.name, s.cfg.Book.Entry(c.tool).Definition) }
	c.definition = c.now()
	if pinned := c.entry.Definition; !pinned.IsZero() && pinned != c.definition {
		s.cfg.Logger.Error("a tool's definition is not the one that the release pins: the call will be denied",
			"tool", c.tool, "pinned", pinned, "shown", c.definition, "session", s.Name())
	}
	_, err := s.chain.Propose(ctx, agent.Request{
		Tool: c.tool, Action: c.entry.Action, Resource: c.resource, Arguments: c.arguments, Timeout: s.cfg.Timeout,
		TraceParent: c.parent, TraceState: c.state, Definition: c.definition,
		Proposing: func(intent trust.Digest) {
			c.mu.Lock()
			c.intent = intent
			c.mu.Unlock()
			s.cfg.Desk.Expect(intent, c.act)
		},
		Pending: func(why *agent.Refused) { c.tellPending(ctx, why) },
	})
	c.mu.Lock()
	intent := c.intent
	c.mu.Unlock()
	s.cfg.Desk.Forget(intent)
	if answer := c.answered(); answer != nil {
		return answer.Raw
	}
	return s.refusal(c.message.ID, err)
}

// Cancel gives up a call of the client's. It reports whether there is one, and
// whether it went to the server already, which must then be told.
func (s *Session) Cancel(id json.RawMessage) (known, forwarded bool) {
	s.mu.Lock()
	c := s.calls[jsonrpc.Key(id)]
	s.mu.Unlock()
	if c == nil {
		return false, false
	}
	forwarded = c.give()
	if !forwarded {
		c.stop()
	}
	return true, forwarded
}

func (s *Session) enter(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetParked(time.Now())
	if len(s.calls)+len(s.parked) >= maxCalls {
		return &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: fmt.Sprintf("%d calls are on their way; wait for one of them", maxCalls)}
	}
	return s.admit(c, c.message.ID)
}

// admit notes a call under the id of a request; called with mu held.
func (s *Session) admit(c *call, id json.RawMessage) error {
	key := jsonrpc.Key(id)
	if s.shared {
		s.number++
		key = "shared " + strconv.Itoa(s.number)
	}
	if s.calls[key] != nil {
		return &jsonrpc.Fault{Code: jsonrpc.CodeInvalidRequest, Text: "another call with this id is on its way"}
	}
	c.key, s.calls[key] = key, c
	return nil
}

func (s *Session) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[c.key] == c {
		delete(s.calls, c.key)
	}
}

// learn asks the server for its tools, unless they are known.
func (s *Session) learn(ctx context.Context, peer Peer) error {
	if s.defs.known() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	tools, err := listAll(ctx, peer.List)
	if err == nil {
		s.defs.all(tools)
	}
	return err
}

// Changed notes that the server announced another list of tools.
func (s *Session) Changed() { s.defs.changed() }

// Listed takes a server's answer to the client's tools/list, and returns what the
// client is to be told: the same without the tools that it could not call.
func (s *Session) Listed(answer jsonrpc.Message) []byte {
	if answer.Result == nil {
		return answer.Raw
	}
	l, err := ReadListing(answer.Result)
	if err != nil {
		s.cfg.Logger.Error("a list of tools was not handed on", "err", err)
		return jsonrpc.Failure(answer.ID, jsonrpc.CodeInternal, "the server's list of tools was refused: "+err.Error(), nil)
	}
	if s.cfg.ShowAll {
		s.defs.tell(l.Tools, true)
		return answer.Raw
	}
	left := 0
	result := l.only(func(d Definition) bool {
		shown := s.callable(d)
		if shown {
			s.defs.tell([]Definition{d}, true)
		} else {
			left++
			s.defs.tell([]Definition{d}, false)
		}
		return shown
	})
	if left == 0 {
		return answer.Raw
	}
	return jsonrpc.Success(answer.ID, result)
}

// callable reports whether a call of the tool could be allowed.
func (s *Session) callable(d Definition) bool {
	tool := ToolName(s.cfg.Server, d.Name)
	entry := s.cfg.Book.Entry(tool)
	pinned := entry.Definition
	if !pinned.IsZero() && pinned != d.Digest {
		s.cfg.Logger.Error("a tool is not shown: its definition is not the one that the release pins", "tool", tool, "pinned", pinned, "told", d.Digest)
	}
	return pinned == d.Digest && entry.Usable
}
