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

// Health says whether a follower may rely on its ledger: it is live, and the
// server does what the release demands of it before it acknowledges. Safe for
// concurrent use; its zero state relies on nothing.
type Health struct {
	conn *streams.Conn
	log  *slog.Logger

	mu       sync.Mutex
	state    streams.State
	caughtUp bool
	checked  bool // durability was asked since the state became Live
	synced   streams.Durability
	problem  error
}

// NewHealth starts as not healthy.
func NewHealth(conn *streams.Conn, log *slog.Logger) *Health { return &Health{conn: conn, log: log} }

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

// Observe takes the feed's states. Each time that the ledger is reached anew,
// its server is asked anew whether it syncs.
func (h *Health) Observe(ctx context.Context) func(streams.State) {
	return func(s streams.State) {
		h.mu.Lock()
		before := h.state
		h.state = s
		if s == streams.Disconnected {
			h.checked = false
		}
		ask := s != streams.Disconnected && !h.checked
		h.mu.Unlock()
		if before != s {
			h.log.Debug("ledger", "state", s)
		}
		if ask {
			go h.check(ctx)
		}
	}
}

func (h *Health) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	synced, err := h.conn.VerifySync(ctx, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checked, h.synced, h.problem = true, synced, err
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
	case !h.checked:
		return "asking the server whether it syncs"
	case h.problem != nil:
		return fmt.Sprintf("cannot verify that the server syncs: %v", h.problem)
	case h.synced != streams.SyncAlways:
		return "the server does not sync always, and the release does not say that records may be lost"
	default:
		return ""
	}
}
