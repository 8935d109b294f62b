package desk

import (
	"errors"
	"slices"
	"sync"

	"github.com/portcullis-dev/portcullis/agent"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Chain is the session in which calls are proposed. An intent that did not reach the
// ledger breaks its session: those after it are denied. Then a new one begins.
type Chain struct {
	agent *agent.Agent

	mu      sync.Mutex
	current *agent.Session // nil: begin one
}

// NewChain begins its first session when somebody asks for it.
func NewChain(a *agent.Agent) *Chain { return &Chain{agent: a} }

// Session is the one to propose in.
func (c *Chain) Session() (*agent.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		return c.current, nil
	}
	s, err := c.agent.NewSession()
	if err != nil {
		return nil, err
	}
	c.current = s
	return s, nil
}

// Settle takes note of how a proposal in a session ended.
func (c *Chain) Settle(s *agent.Session, err error) {
	if !breaks(err) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == s {
		c.current = nil
	}
}

var brokenChain = []pb.Reason{pb.Reason_REASON_SESSION_GAP, pb.Reason_REASON_SESSION_FORK, pb.Reason_REASON_SESSION_EQUIVOCATION}

func breaks(err error) bool {
	var silent *agent.Unanswered
	var refused *agent.Refused
	switch {
	case errors.Is(err, agent.ErrNotSent):
		return true
	case errors.As(err, &silent):
		return !silent.Stored
	case errors.As(err, &refused):
		return slices.ContainsFunc(refused.Reasons, func(r pb.Reason) bool { return slices.Contains(brokenChain, r) })
	default:
		return false
	}
}
