package feed

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// verifier asks servers whether they sync. *streams.Conn implements it.
type verifier interface {
	VerifySync(ctx context.Context, servers int) (streams.Durability, error)
}

// Health says whether a follower may rely on its ledger: it is live, and the
// server does what the release demands of it before it acknowledges. Safe for
// concurrent use; its zero state relies on nothing.
type Health struct {
	server verifier
	log    *slog.Logger

	mu       sync.Mutex
	state    streams.State
	caughtUp bool
	reached  uint64 // times that the ledger was reached anew; an answer counts for one of them
	asking   bool   // somebody asks the server reached last, and goes on to
	checked  bool   // the server reached last has answered
	synced   streams.Durability
	problem  error
}

// NewHealth starts as not healthy.
func NewHealth(conn *streams.Conn, log *slog.Logger) *Health { return &Health{server: conn, log: log} }

// CaughtUp says that the follower has folded the ledger up to its newest record.
func (h *Health) CaughtUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.caughtUp = true
}

// Started reports whether CaughtUp was called.
func (h *Health) Started() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.caughtUp
}

// Live reports whether records are read as they come: the follower has caught up,
// and is still reached.
func (h *Health) Live() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.caughtUp && h.state == streams.Live
}

// Observe takes the feed's states. Each time that the ledger is reached anew,
// its server is asked anew whether it syncs, until it answers or ctx ends.
func (h *Health) Observe(ctx context.Context) func(streams.State) {
	return func(s streams.State) {
		before, reached, ask := h.moved(s)
		if before != s {
			h.log.Debug("ledger", "state", s)
		}
		if ask {
			go h.check(ctx, reached)
		}
	}
}

// moved notes a state and tells whether the server must be asked.
func (h *Health) moved(s streams.State) (before streams.State, reached uint64, ask bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, h.state = h.state, s
	if s == streams.Disconnected {
		h.reached++ // whoever answers next may be another server
		h.asking, h.checked, h.problem = false, false, nil
		return before, h.reached, false
	}
	ask = !h.asking
	h.asking = true
	return before, h.reached, ask
}

const (
	checkTimeout = 5 * time.Second
	checkAgain   = time.Second      // after an attempt without an answer
	recheck      = 10 * time.Second // after an answer: in a cluster another server may join
	lastsWithout = 3                // attempts in a row without an answer that an answer outlives
)

// check asks, and asks again, as long as the server is the one that it was started
// for: of a cluster, servers come and go without this one's being lost.
func (h *Health) check(ctx context.Context, reached uint64) {
	for failures := 0; h.stands(reached); {
		wait := recheck
		if err := h.ask(ctx, reached, failures); err != nil {
			failures++
			wait = checkAgain
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (h *Health) stands(reached uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return reached == h.reached
}

func (h *Health) ask(ctx context.Context, reached uint64, failures int) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	synced, err := h.server.VerifySync(ctx, 1)
	h.answered(reached, synced, err, failures)
	return err
}

// answered takes an answer, unless it is about a server that is gone. That there is
// none for once, because one of several servers has just gone, takes nothing back.
func (h *Health) answered(reached uint64, synced streams.Durability, err error, failures int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if reached != h.reached || err != nil && h.checked && failures+1 < lastsWithout {
		return
	}
	h.synced, h.problem, h.checked = synced, err, err == nil
}

// Fault says why the ledger must not be relied upon under a release that
// demands this durability; "" if it may.
func (h *Health) Fault(want pb.Durability) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	relaxed := want == pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	switch {
	case !h.caughtUp:
		return "catching up with the ledger"
	case h.state != streams.Live:
		return fmt.Sprintf("the ledger is %s", h.state)
	case relaxed:
		return ""
	case h.problem != nil:
		return fmt.Sprintf("cannot verify that the server syncs: %v", h.problem)
	case !h.checked:
		return "asking the server whether it syncs"
	case h.synced != streams.SyncAlways:
		return "the server does not sync always, and the release does not say that records may be lost"
	default:
		return ""
	}
}
