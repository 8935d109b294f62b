package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// recover follows enforcer/recover.go: the tail of the ledger that determines
// the state begins W before the newest record and W before the first intent
// that no quorum has decided.
func (e *enforcer) recover() (from uint64, decided map[ledger.Position]*pb.Decision) {
	w := e.node.w
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
// the first intent there that none decided; zero if there is none.
func (e *enforcer) readTail(from uint64) (decided map[ledger.Position]*pb.Decision, undecided time.Time) {
	f := ledger.NewFold(e.node.w.zone.Ledger, e.node.w.keys)
	e.node.refold(f, from)
	r := tailReader{decided: map[ledger.Position]*pb.Decision{}, count: newTally(), open: map[trust.Digest]time.Time{}}
	for _, en := range e.node.w.entries[from-1:] {
		if rec, err := f.Step(e.node.parse(en)); err == nil {
			r.step(f, en, rec)
		}
	}
	for _, in := range r.intents {
		if r.decided[in.position] == nil {
			return r.decided, in.at
		}
	}
	return r.decided, time.Time{}
}

type tailReader struct {
	decided map[ledger.Position]*pb.Decision
	count   *tally
	open    map[trust.Digest]time.Time // until when a re-send gets no second decision
	intents []intentAt
}

type intentAt struct {
	position ledger.Position
	at       time.Time
}

func (r *tailReader) step(f *ledger.Fold, en *entry, rec ledger.Record) {
	switch rec.Kind { //nolint:exhaustive // nothing else says anything about decisions
	case schemas.KindIntent:
		for _, in := range intentsOf(en, rec) {
			if until, known := r.open[in.Digest]; known && rec.LogTime.Before(until) {
				continue
			}
			r.intents = append(r.intents, intentAt{in.Position, rec.LogTime})
			if in.Content != nil {
				r.open[in.Digest] = in.Content.GetDeadline().AsTime()
			}
		}
	case schemas.KindDecision:
		for i, d := range en.decisions {
			if q := r.count.add(f, rec, i, d); q != nil {
				r.decided[ledger.PositionOf(q.GetIntent())] = q
			}
		}
	}
}
