package audit

import (
	"container/heap"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// life is one intent on its way to its final state.
type life struct {
	at       ledger.Position
	digest   trust.Digest
	own      []trust.Digest // by round: the decisions derived again, zero where none could be
	end      time.Time      // log time from which on no round and no claim can change anything
	quorum   *pb.Decision   // of the newest round that has one
	rounds   uint32         // rounds that were decided by anybody
	voids    int            // claims on it that are void
	claim    *claim         // the valid one
	over     bool           // log time is behind its end
	finished bool           // it has its final state
	sealed   bool           // to a key that is not held here
	taken    bool           // a verdict on it could not be derived
	told     bool           // in the clear, and a recorded verdict on it was not compared
}

// in is the decision derived again in a round; false if nothing called for one.
func (l *life) in(round uint32) (trust.Digest, bool) {
	if uint64(round) >= uint64(len(l.own)) || l.own[round].IsZero() {
		return trust.Digest{}, false
	}
	return l.own[round], true
}

// intents begins the life of each intent of a record that is not a re-send. Where
// verdicts are derived, an intent is what calls for a decision of round 0.
func (j *Judge) intents(f *ledger.Fold, rec ledger.Record, contents []verdict.Content, derived []verdict.Derived) {
	if j.replica != nil {
		for _, d := range derived {
			j.bear(f, d.Round.Intent, trust.DigestIn(d.Decision.GetIntentDigest()), d.Decision.GetDeadline())
		}
		for _, at := range j.blind.missed {
			j.bearUnderived(f, rec, contents, at)
		}
		j.called(derived)
		return
	}
	if !j.begin.judges(ledger.Position{Seq: rec.Seq}) {
		return
	}
	if rec.ListErr != nil {
		j.bear(f, ledger.Position{Seq: rec.Seq}, rec.PayloadDigest, nil)
		return
	}
	for i, item := range rec.Items {
		if j.digest[item.Digest] == nil {
			j.bear(f, ledger.Position{Seq: rec.Seq, Index: uint32(i)}, item.Digest, contents[i].Intent.GetDeadline())
		}
	}
}

// bear begins a life. One whose deadline is unreadable, or further away than
// anything could be allowed, ends when the release's longest deadline does.
func (j *Judge) bear(f *ledger.Fold, at ledger.Position, digest trust.Digest, deadline *timestamppb.Timestamp) *life {
	longest := f.LogTime()
	if release := f.Governance().Release(); release != nil {
		longest = longest.Add(release.Bounds.MaxDeadline)
	}
	end := deadline.AsTime()
	if deadline == nil || end.After(longest) {
		end = longest
	}
	l := &life{at: at, digest: digest, end: end}
	j.report.Intents++
	j.report.Open++
	j.lives[at], j.digest[digest] = l, l
	heap.Push(&j.due, l)
	return l
}

// called notes which decisions the records call for. A round that could not be
// derived leaves a gap.
func (j *Judge) called(derived []verdict.Derived) {
	for _, d := range derived {
		l := j.lives[d.Round.Intent]
		if l == nil {
			continue
		}
		for len(l.own) <= int(d.Round.Number) {
			l.own = append(l.own, trust.Digest{})
		}
		l.own[d.Round.Number] = d.Digest
	}
}

// decided takes a quorum's decision.
func (j *Judge) decided(l *life, d *pb.Decision) {
	if _, derived := l.in(d.GetRound()); l.taken && !derived {
		j.blind.record(d)
	}
	if l.quorum == nil || d.GetRound() >= l.quorum.GetRound() {
		l.quorum = d
	}
	// What round 0 denies for any reason but a missing approval gets no other round,
	// and what asked for a decision only has it.
	if l.claim == nil && l.quorum.GetRound() == 0 && !schemas.Pending(l.quorum) {
		if s := l.verdict(); s == StateDenied || s == StateEvaluated {
			j.finish(l, s)
		}
	}
}

// expire gives a final state to whatever no claim can change any more. What has
// a valid claim waits for its outcome, however long.
func (j *Judge) expire(now time.Time) {
	for len(j.due) > 0 && now.After(j.due[0].end) {
		l, _ := heap.Pop(&j.due).(*life)
		l.over = true
		switch {
		case l.finished:
			j.forget(l)
		case l.claim == nil:
			j.finish(l, l.verdict())
		}
	}
}

// verdict is the final state of an intent that nobody acted on.
func (l *life) verdict() State {
	switch {
	case l.quorum == nil:
		return StateExpired
	case l.quorum.GetVerdict() != pb.Verdict_VERDICT_ALLOW:
		return StateDenied
	case l.quorum.GetEvaluation():
		return StateEvaluated
	case l.voids > 0:
		return StateVoid
	default:
		return StateExpired
	}
}

// finish gives an intent its final state, once.
func (j *Judge) finish(l *life, s State) {
	if l.finished {
		return
	}
	l.finished = true
	j.report.Final[s]++
	j.report.Open--
	for n := range l.rounds {
		j.tally.Forget(verdict.Round{Intent: l.at, Number: n})
	}
	if l.over {
		j.forget(l)
	}
}

// forget drops what has its final state and can neither be decided nor be sent
// again.
func (j *Judge) forget(l *life) {
	delete(j.lives, l.at)
	if j.digest[l.digest] == l {
		delete(j.digest, l.digest)
	}
	for n := range l.rounds {
		delete(j.rounds, verdict.Round{Intent: l.at, Number: n})
	}
}

// dueHeap orders lives by their ends.
type dueHeap []*life

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, k int) bool { return h[i].end.Before(h[k].end) }
func (h dueHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(*life)) } //nolint:errcheck,forcetypeassert // container/heap's own contract
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}
