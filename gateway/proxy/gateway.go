package proxy

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
)

// Config is what a gateway needs. All fields are required but those that say
// otherwise.
type Config struct {
	Agent   *agent.Agent
	Desk    *desk.Desk
	Timeout time.Duration // of a call, until its intent's deadline; 0 means 30 s
}

const defaultTimeout = 30 * time.Second

// Gateway asks the ledger for calls. Safe for concurrent use.
type Gateway struct {
	cfg   Config
	chain *desk.Chain
}

// New prepares a gateway.
func New(cfg Config) (*Gateway, error) {
	if cfg.Agent == nil || cfg.Desk == nil {
		return nil, errors.New("proxy: Agent and Desk are required")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Gateway{cfg: cfg, chain: desk.NewChain(cfg.Agent)}, nil
}

// Act carries a call out; see desk.Act. It has begun when it is called.
type Act = desk.Act

var (
	errOther = errors.New("proxy: the permit is for another request or another route; nothing was forwarded")
	errOver  = errors.New("proxy: the client left before its request was forwarded; nothing was")
)

// Ask proposes a call and waits for what becomes of it. The act is called at most
// once, on a permit for exactly this call, and not any more when Ask has returned
// without it. Began says whether it was called. If ctx ends first, the error says so.
func (g *Gateway) Ask(ctx context.Context, call mapping.Call, act Act) (out *agent.Outcome, began bool, err error) {
	session, err := g.chain.Session()
	if err != nil {
		return nil, false, err
	}
	w := &waiting{call: call, act: act}
	var intent trust.Digest
	out, err = session.Propose(ctx, agent.Request{
		Tool: call.Tool, Resource: call.Resource, Arguments: call.Arguments, Definition: call.Definition,
		TraceParent: call.TraceParent, TraceState: call.TraceState, Timeout: g.cfg.Timeout,
		Proposing: func(digest trust.Digest) {
			intent = digest
			g.cfg.Desk.Expect(digest, w.carryOut)
		},
	})
	g.cfg.Desk.Forget(intent)
	g.chain.Settle(session, err)
	return out, w.end(), err
}

// waiting is a call that was proposed.
type waiting struct {
	call mapping.Call
	act  Act

	mu    sync.Mutex
	over  bool // nobody waits any more
	began bool
}

// carryOut runs in the executor, on a permit.
func (w *waiting) carryOut(ctx context.Context, a executor.Action) (executor.Result, error) {
	if !bytes.Equal(a.Intent.GetArguments(), w.call.Arguments) || a.Intent.GetTool() != w.call.Tool ||
		trust.DigestIn(a.Intent.GetDefinitionDigest()) != w.call.Definition {
		return executor.Result{}, errOther
	}
	if !w.begin() {
		return executor.Result{}, errOver
	}
	return w.act(ctx, a)
}

func (w *waiting) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	w.began = true
	return true
}

// end makes sure that the act does not begin any more, and reports whether it has.
func (w *waiting) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	return w.began
}
