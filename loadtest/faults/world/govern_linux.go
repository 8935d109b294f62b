package world

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// Halt is a halt of the test's own.
type Halt struct {
	ID     trust.Digest
	Seq    uint64
	Acked  time.Time // by the test's clock: from here the bound counts
	lifted time.Time // when the test began to lift it; zero if it never did
}

// govern does something as a governor, again and again until it is done: a broker may be without a leader.
func (w *World) govern(what string, do func(context.Context, *zone.Governing) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), Patience)
	defer cancel()
	for {
		err := w.tryGovern(ctx, do)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("a governor cannot %s within %v: %v", what, Patience, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (w *World) tryGovern(ctx context.Context, do func(context.Context, *zone.Governing) error) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	g, err := zone.Govern(ctx, w.Fabric, w.at, w.log)
	if err != nil {
		return err
	}
	defer g.Close()
	return do(ctx, g)
}

// Halt halts everything, and returns when the ledger has acknowledged it.
func (w *World) Halt() *Halt {
	w.t.Helper()
	h := &Halt{}
	w.govern("halt", func(ctx context.Context, g *zone.Governing) (err error) {
		h.Seq, h.ID, err = g.Halt(ctx, &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, fmt.Sprintf("to see it hold, at %d", time.Now().UnixNano()))
		h.Acked = time.Now()
		return err
	})
	w.halts = append(w.halts, h)
	return h
}

// Resume lifts everything that is in force: the test's own halts, and trips that are rightly there.
func (w *World) Resume() {
	w.t.Helper()
	w.govern("resume", w.lift)
}

func (w *World) lift(ctx context.Context, g *zone.Governing) error {
	state, err := g.State(ctx)
	if err != nil {
		return err
	}
	var ids []trust.Digest
	for _, h := range state.Halts() {
		ids = append(ids, h.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	now := time.Now()
	_, err = g.Resume(ctx, ids, "it was looked at")
	for _, h := range w.halts {
		if h.lifted.IsZero() { // whatever became of the resume: from here on it may be lifted
			h.lifted = now
		}
	}
	return err
}

// AwaitActions waits until so many more actions had their effect (L1). A sentinel may rightly have tripped over what the test
// does: then the governor looks, and lifts it.
func (w *World) AwaitActions(actions int) {
	w.t.Helper()
	n, more := w.Outside.wait()
	patience := time.After(Patience)
	look := time.NewTicker(2 * time.Second)
	defer look.Stop()
	for want := n + actions; n < want; n, more = w.Outside.wait() {
		select {
		case <-more:
		case <-look.C:
			if w.supervised {
				w.Revive()
			}
			// Without a leader there is nobody to look with; the next time, then.
			if err := w.tryGovern(w.t.Context(), w.lift); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				w.log.Debug("looking", "err", err)
			}
		case <-patience:
			w.t.Fatalf("only %d of %d actions within %v", n+actions-want, actions, Patience)
		}
	}
}
