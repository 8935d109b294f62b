package audit

import (
	"container/heap"
	"time"

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
	end      time.Time    // log time from which on no round and no claim can change anything
	quorum   *pb.Decision // of the newest round that has one
	rounds   uint32       // rounds that were decided by anybody
	voids    int          // claims on it that are void
	claim    *claim       // the valid one
	finished bool
}

// born begins the life of each intent of a record that is not a re-send. Where
// verdicts are derived, an intent is what calls for a decision of round 0.
func (j *Judge) intents(f *ledger.Fold, rec ledger.Record, contents []verdict.Content, derived []verdict.Derived) {
	if j.replica != nil {
		for _, d := range derived {
			j.bear(f, d.Round.Intent, trust.DigestIn(d.Decision.GetIntentDigest()), deadline(d.Decision.GetDeadline().AsTime(), d.Decision.GetDeadline() != nil))
		}
		return
	}
	if rec.ListErr != nil {
		j.bear(f, ledger.Position{Seq: rec.Seq}, rec.PayloadDigest, time.Time{})
		return
	}
	for i, item := range rec.Items {
		if _, again := j.digest[item.Digest]; !again {
			in := contents[i].Intent
			j.bear(f, ledger.Position{Seq: rec.Seq, Index: uint32(i)}, item.Digest, deadline(in.GetDeadline().AsTime(), in.GetDeadline() != nil))
		}
	}
}

func deadline(t time.Time, there bool) time.Time {
	if !there {
		return time.Time{}
	}
	return t
}

// bear begins a life. One whose deadline is unreadable, or further away than
// anything could be allowed, ends when the release's longest deadline does.
func (j *Judge) bear(f *ledger.Fold, at ledger.Position, digest trust.Digest, end time.Time) {
	longest := f.LogTime()
	if release := f.Governance().Release(); release != nil {
		longest = longest.Add(release.Bounds.MaxDeadline)
	}
	if end.IsZero() || end.After(longest) {
		end = longest
	}
	l := &life{at: at, digest: digest, end: end}
	j.report.Intents++
	j.open[at], j.digest[digest] = l, l
	heap.Push(&j.due, l)
}

// decided takes a quorum's decision.
func (l *life) decided(d *pb.Decision) {
	if l.quorum == nil || d.GetRound() >= l.quorum.GetRound() {
		l.quorum = d
	}
}

// expire gives a final state to whatever no claim can change any more. What has
// a valid claim waits for its outcome, however long.
func (j *Judge) expire(now time.Time) {
	for len(j.due) > 0 && now.After(j.due[0].end) {
		l, _ := heap.Pop(&j.due).(*life)
		if l.claim == nil && !l.finished {
			j.finish(l, l.verdict())
		}
	}
}

// verdict is the final state of an intent that nobody acted on.
func (l *life) verdict() State {
	switch {
	case l.quorum != nil && l.quorum.GetVerdict() != pb.Verdict_VERDICT_ALLOW && !schemas.Pending(l.quorum):
		return StateDenied
	case l.voids > 0:
		return StateVoid
	default:
		return StateExpired
	}
}

func (j *Judge) finish(l *life, s State) {
	l.finished = true
	j.report.Final[s]++
	delete(j.open, l.at)
	if j.digest[l.digest] == l {
		delete(j.digest, l.digest)
	}
	for n := range l.rounds {
		round := verdict.Round{Intent: l.at, Number: n}
		j.tally.Forget(round)
		delete(j.rounds, round)
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
