package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// recover follows enforcer/recover.go: the tail of the ledger that determines
// the state begins W before the newest record and W before the first intent or
// approval that no quorum has decided. Before its first start there was nothing
// to decide.
func (e *enforcer) recover() (from uint64, decided map[ledger.Position]*pb.Decision) {
	w := e.node.w
	if e.node.incarnation == 1 {
		return 1, nil
	}
	if w.flaw == NoRecovery && e.node.incarnation > 1 {
		return w.last() + 1, nil
	}
	reach := memory
	if w.flaw == ShortRecovery {
		reach /= 2
	}
	start := w.entries[w.last()-1].stamp.Add(-reach)
	for {
		from := w.seqAt(start)
		decided, undecided := e.readTail(from)
		needed := undecided.Add(-reach)
		if from <= 1 || undecided.IsZero() || !needed.Before(start) || w.flaw == ForgetsUndecided {
			return from, decided
		}
		start = needed
	}
}

// readTail returns what quorums recorded from a position on, and the log time of
// the first intent or approval there that none decided; zero if there is none.
func (e *enforcer) readTail(from uint64) (decided map[ledger.Position]*pb.Decision, undecided time.Time) {
	f := ledger.NewFold(e.node.w.zone.Ledger, e.node.w.keys)
	e.node.refold(f, from)
	r := tailReader{decided: map[ledger.Position]*pb.Decision{}, count: verdict.NewTally(), known: map[trust.Digest]*knownIntent{}}
	for _, en := range e.node.w.entries[from-1:] {
		as := e.node.shows(en)
		if rec, err := f.Step(e.node.parse(as)); err == nil {
			r.step(f, as, rec)
		}
	}
	for _, p := range r.points {
		if r.decided[p.position] == nil {
			return r.decided, p.at
		}
	}
	return r.decided, time.Time{}
}

// tailReader gathers what a tail says about decisions.
type tailReader struct {
	decided map[ledger.Position]*pb.Decision // by where they were decided
	count   *verdict.Tally
	known   map[trust.Digest]*knownIntent
	points  []point // what calls for a decision, in order
}

// knownIntent is what the tail says of the intents with one digest.
type knownIntent struct {
	resendUntil time.Time // a copy before then gets no decision
	answered    map[said]bool
}

type said struct {
	by      trust.Identity
	approve bool
}

type point struct {
	position ledger.Position
	at       time.Time
}

func (r *tailReader) step(f *ledger.Fold, en *entry, rec ledger.Record) {
	switch rec.Kind { //nolint:exhaustive // nothing else says anything about decisions
	case schemas.KindIntent:
		for _, in := range intentsOf(en, rec) {
			r.intent(in, rec.LogTime)
		}
	case schemas.KindApproval:
		r.approval(rec)
	case schemas.KindDecision:
		for i, d := range en.decisions {
			if d == nil || verdict.DecidedAt(d).Seq >= rec.Seq {
				continue
			}
			if q := r.count.Add(f, rec, i, d); q != nil {
				r.decided[verdict.DecidedAt(q)] = q
			}
		}
	}
}

func (r *tailReader) intent(in verdict.Intent, at time.Time) {
	known := r.knownIntent(in.Digest)
	if at.Before(known.resendUntil) {
		return
	}
	r.points = append(r.points, point{in.Position, at})
	if in.Content != nil {
		known.resendUntil = in.Content.GetDeadline().AsTime()
	}
}

// approval notes an answer that may open a round.
func (r *tailReader) approval(rec ledger.Record) {
	known := r.knownIntent(trust.DigestIn(rec.Approval.GetIntentDigest()))
	answer := said{rec.Signer.ID, rec.Approval.GetApprove()}
	over := !known.resendUntil.IsZero() && !rec.LogTime.Before(known.resendUntil)
	if known.answered[answer] || over {
		return
	}
	known.answered[answer] = true
	r.points = append(r.points, point{ledger.Position{Seq: rec.Seq}, rec.LogTime})
}

func (r *tailReader) knownIntent(d trust.Digest) *knownIntent {
	known := r.known[d]
	if known == nil {
		known = &knownIntent{answered: map[said]bool{}}
		r.known[d] = known
	}
	return known
}
