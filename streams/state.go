package streams

import (
	"fmt"
	"sync"
)

// State is what a follower knows of its own position.
type State int

const (
	// Disconnected means that the broker cannot be reached, or cannot be read.
	Disconnected State = iota
	// CatchingUp means that records that exist have not been delivered yet.
	CatchingUp
	// Live means that everything stored at the last look has been delivered,
	// and new records are delivered as they come.
	Live
)

func (s State) String() string {
	switch s {
	case Disconnected:
		return "disconnected"
	case CatchingUp:
		return "catching up"
	case Live:
		return "live"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// stateTeller passes each change of state on, once and in order.
type stateTeller struct {
	mu    sync.Mutex
	to    func(State)
	now   State // guarded by mu
	begun bool  // guarded by mu
}

func newStateTeller(to func(State)) *stateTeller { return &stateTeller{to: to} }

func (s *stateTeller) tell(now State) { s.tellIf(now, func() bool { return true }) }

// tellIf asks and tells in one step, so that the loss of a connection, told
// from another goroutine, is never overtaken by an older state.
func (s *stateTeller) tellIf(now State, still func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun && s.now == now || !still() {
		return
	}
	s.begun, s.now = true, now
	if s.to != nil {
		s.to(now)
	}
}
