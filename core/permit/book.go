package permit

import (
	"container/heap"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// View is the ledger's fold at the position that is being judged.
// *ledger.Fold implements it.
type View interface {
	Governance() *governance.State
	LogTime() time.Time
	Pulse() ledger.Pulse
}

// Owner is whose claims get permits: one start of one executor's process. The
// zero Owner owns nothing, nor does one that lacks either part.
type Owner struct {
	ID          trust.Identity
	Incarnation [16]byte
}

// Book is what claims are judged by. It forgets an intent when every deadline
// that was signed for it is behind log time: no claim on it can be valid any
// more. It belongs to one
// goroutine.
type Book struct {
	owner   Owner
	intents map[trust.Digest]*entry
	due     dueHeap
}

// entry is what the ledger says of one intent so far.
type entry struct {
	first   ballot            // almost always the only one
	others  map[paper]*ballot // what differs from it
	quorum  *pb.Decision      // of the newest round that has one
	claimed ledger.Position   // first valid claim; zero if none

	// deadline is the latest that any decision on the intent names. Until then the
	// entry stays: a single enforcer that names an earlier one must not make the
	// book forget what was claimed.
	deadline time.Time
}

// paper is what a ballot is cast on: the bytes of a decision, in a round.
type paper struct {
	round  uint32
	digest trust.Digest
}

// ballot is who signed the same decision bytes, each once.
type ballot struct {
	paper  paper
	voters []trust.Identity
}

func (b *ballot) cast(voter trust.Identity) {
	if !slices.Contains(b.voters, voter) {
		b.voters = append(b.voters, voter)
	}
}

// on is the ballot on a paper.
func (e *entry) on(p paper) *ballot {
	switch {
	case len(e.first.voters) == 0:
		e.first.paper = p
		fallthrough
	case e.first.paper == p:
		return &e.first
	case e.others == nil:
		e.others = make(map[paper]*ballot, 1)
	}
	other := e.others[p]
	if other == nil {
		other = &ballot{paper: p}
		e.others[p] = other
	}
	return other
}

// NewBook starts before the first record.
func NewBook(owner Owner) *Book {
	return &Book{owner: owner, intents: make(map[trust.Digest]*entry)}
}

// ReadDecision decodes one item of a list of decisions; nil if it is not one.
// It is safe for concurrent use, ahead of the fold.
func ReadDecision(item []byte) *pb.Decision {
	d := new(pb.Decision)
	if schemas.Decode(item, schemas.MaxItem, d) != nil {
		return nil
	}
	return d
}

// ReadOutcome decodes one item of a list of outcomes; nil if it is not one. It is
// safe for concurrent use, ahead of the fold.
func ReadOutcome(item []byte) *pb.Outcome {
	o := new(pb.Outcome)
	if schemas.Decode(item, schemas.MaxItem, o) != nil {
		return nil
	}
	return o
}

// Decide folds one decision, signed by an enforcer of standing, and reports
// whether it completed a quorum. Token is the tool in the record's subject.
func (b *Book) Decide(v View, token string, signer trust.Identity, item ledger.Item, d *pb.Decision) (quorum *pb.Decision) {
	release := v.Governance().Release()
	if d == nil || release == nil || signer.Role != pb.Role_ROLE_ENFORCER || d.GetTool() != token {
		return nil
	}
	deadline := d.GetDeadline().AsTime()
	if d.GetDeadline() == nil || !deadline.After(v.LogTime()) || deadline.Sub(v.LogTime()) > release.Bounds.MaxDeadline {
		return nil // no claim on it can be valid
	}
	digest, _ := trust.DigestFrom(d.GetIntentDigest())
	held := b.held(digest, deadline)
	vote := held.on(paper{d.GetRound(), item.Digest})
	vote.cast(signer)
	if len(vote.voters) != int(release.Proto.GetDecisionThreshold()) {
		return nil
	}
	if held.quorum != nil && held.quorum.GetRound() >= d.GetRound() {
		return nil
	}
	held.quorum = d
	return d
}

// held is the entry of an intent, kept at least until the deadline.
func (b *Book) held(digest trust.Digest, deadline time.Time) *entry {
	held, known := b.intents[digest]
	if !known {
		held = &entry{deadline: deadline}
		b.intents[digest] = held
		heap.Push(&b.due, due{at: deadline, digest: digest})
	}
	if deadline.After(held.deadline) {
		held.deadline = deadline
	}
	return held
}

// Claimed reports whether a valid claim on the intent stands on the ledger.
func (b *Book) Claimed(intent trust.Digest) bool {
	held, known := b.intents[intent]
	return known && held.claimed != ledger.Position{}
}

// Expire forgets intents on which no decision names a deadline after the log
// time now.
func (b *Book) Expire(now time.Time) {
	for len(b.due) > 0 && !b.due[0].at.After(now) {
		d := heap.Pop(&b.due).(due) //nolint:errcheck,forcetypeassert // dueHeap holds nothing else
		if deadline := b.intents[d.digest].deadline; deadline.After(now) {
			heap.Push(&b.due, due{at: deadline, digest: d.digest}) // prolonged since
			continue
		}
		delete(b.intents, d.digest)
	}
}

type due struct {
	at     time.Time
	digest trust.Digest
}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(due)) } //nolint:errcheck,forcetypeassert // container/heap's own contract
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
