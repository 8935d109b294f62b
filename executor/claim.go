package executor

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// decided takes a quorum's decision: on an ALLOW for a tool that is served
// here, the executor bids when its rank's turn has come.
func (l *loop) decided(f *ledger.Fold, d *pb.Decision) {
	digest := trust.DigestIn(d.GetIntentDigest())
	handler := l.x.cfg.Handlers[d.GetTool()]
	if waits := schemas.Pending(d) || d.GetRound() > 0; waits && d.GetVerdict() != pb.Verdict_VERDICT_ALLOW && handler != nil {
		return // a later round may allow it; what none does is forgotten with its deadline
	}
	if d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || d.GetEvaluation() || handler == nil {
		l.intents.drop(digest)
		return
	}
	release := f.Governance().Release()
	turn := rank(digest, l.x.cfg.ID.Name, release.Executors(d.GetTool()))
	switch {
	case turn < 0:
		l.intents.drop(digest)
	case turn == 0:
		l.bid(d)
	default:
		l.bidLater(d, time.Duration(turn)*release.Bounds.Hedge)
	}
}

// bidLater bids after a delay, unless somebody's claim is valid by then.
func (l *loop) bidLater(d *pb.Decision, wait time.Duration) {
	time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.bid(d)
	})
}

// bid publishes a claim if the executor is armed, has a free slot, and the
// intent is still to be had. It never bids twice while a claim of its own may
// be on the ledger: the start bound counts from the first.
func (l *loop) bid(d *pb.Decision) {
	switch {
	case l.hopeless(d):
	case !l.free(d.GetAgent()) || l.disarmed() != "":
		l.waiting.add(d, l.hopeless)
	default:
		l.publishClaim(trust.DigestIn(d.GetIntentDigest()), d)
	}
}

// hopeless reports whether no claim is to be made on a decision any more.
func (l *loop) hopeless(d *pb.Decision) bool {
	digest := trust.DigestIn(d.GetIntentDigest())
	return l.ctx.Err() != nil || l.bids[digest] != nil || l.running[digest] != nil || l.book.Claimed(digest) ||
		!d.GetDeadline().AsTime().After(l.fold.LogTime()) || d.GetEpoch() != l.fold.Governance().Epoch()
}

// free reports whether an agent may have one more claim or action under way.
func (l *loop) free(agent string) bool { return l.slots.free(agent, l.x.cfg.MaxConcurrent) }

// freed bids for decisions that waited, agents in turn, while it can. Nobody's turn is
// looked for without a free slot: thousands of agents may wait.
func (l *loop) freed() {
	if l.waiting.empty() || l.disarmed() != "" {
		return
	}
	for !l.slots.full(l.x.cfg.MaxConcurrent) {
		d := l.waiting.take(l.free)
		if d == nil {
			return
		}
		if !l.hopeless(d) {
			l.publishClaim(trust.DigestIn(d.GetIntentDigest()), d)
		}
	}
}

func (l *loop) publishClaim(digest trust.Digest, d *pb.Decision) {
	l.numbers++
	b := &bid{t0: l.x.clock(), number: l.numbers, decision: d}
	item, err := schemas.Marshal(&pb.Claim{
		IntentDigest: d.GetIntentDigest(), Intent: d.GetIntent(),
		Executor: l.x.cfg.ID.String(), Incarnation: l.x.incarnation[:], Number: b.number,
	})
	if err != nil || b.t0 < 0 {
		l.x.cfg.Logger.Error("a claim could not be made", "intent", digest.Short(), "err", err, "boot_clock", b.t0)
		return
	}
	l.bids[digest] = b
	l.slots.take(digest, d.GetAgent())
	l.status.Claimed++
	subject := schemas.Subject(l.x.cfg.ID.Zone, schemas.KindClaim, d.GetTool())
	l.x.claims.Add(subject, item, func(s outbox.Sent) { l.claimSent(digest, b, s) })
}

// dropBid forgets a bid of which no action comes.
func (l *loop) dropBid(intent trust.Digest) {
	delete(l.bids, intent)
	l.slots.give(intent)
}

// claimSent forgets a bid that is definitely not on the ledger. One that may be
// stays: if it shows up, the start bound counts from when it was sent.
func (l *loop) claimSent(digest trust.Digest, b *bid, s outbox.Sent) {
	if s.Err == nil || errors.Is(s.Err, streams.ErrUnknown) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bids[digest] == b {
		l.dropBid(digest)
	}
	if errors.Is(s.Err, outbox.ErrClosed) {
		return // stopping
	}
	l.x.cfg.Logger.Warn("a claim was not appended", "intent", digest.Short(), "err", s.Err)
	if errors.Is(s.Err, streams.ErrUnreachable) {
		l.bidLater(b.decision, l.fold.Governance().Release().Bounds.Hedge)
	}
}

// bidOf is the bid that a claim on the ledger was sent for: nil for a claim of
// another incarnation, for one that was given up, and for a copy of one that was
// sent before the bid.
func (l *loop) bidOf(r permit.Ruling) *bid {
	b := l.bids[r.Intent]
	if b == nil || r.Claim == nil || !bytes.Equal(r.Claim.GetIncarnation(), l.x.incarnation[:]) || r.Claim.GetNumber() != b.number {
		return nil
	}
	return b
}

// settleBids waits until every claim on its way was read back or refused, until
// ctx ends, or for a while.
func (l *loop) settleBids(ctx context.Context, grace time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	look := time.NewTicker(bidsPoll)
	defer look.Stop()
	for l.bidding() {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

const bidsPoll = 2 * time.Millisecond

func (l *loop) bidding() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.bids) > 0
}

// ruled takes the judgement on a claim that stands on the ledger.
func (l *loop) ruled(r permit.Ruling) {
	own := r.Executor == l.x.cfg.ID
	switch {
	case !r.Valid() && own:
		l.ownVoid(r)
	case !r.Valid():
		l.x.cfg.Logger.Debug("void claim", "claim", r.Position, "by", r.Executor, "reason", schemas.ReasonCode(r.Void))
	case r.Permit != nil:
		l.act(r)
	case own && r.Position.Seq <= l.at.settled: // what became of it stands on the ledger
	case own:
		o := open{intent: r.Intent, tool: r.Decision.GetTool(), agent: r.Decision.GetAgent()}
		l.open[r.Position] = o
		if l.x.health.Started() {
			l.crashed(r.Position, o) // sent by an earlier incarnation, stored after it died
		}
	default:
		l.dropBid(r.Intent)
		l.intents.drop(r.Intent)
	}
}

// ownVoid: the claim counts for nothing. For want of a pulse only, the executor
// may bid again: that claim is judged for good.
func (l *loop) ownVoid(r permit.Ruling) {
	b := l.bidOf(r)
	if b == nil {
		return
	}
	l.dropBid(r.Intent)
	l.x.cfg.Meter.Void(r.Void)
	l.x.cfg.Logger.Info("own claim is void", "claim", r.Position, "intent", r.Intent.Short(), "reason", schemas.ReasonCode(r.Void))
	if r.Void == pb.Reason_REASON_CLAIM_NO_PULSE {
		l.bidLater(b.decision, l.fold.Governance().Release().Bounds.Hedge)
	}
}
