package verdict

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Tally counts which enforcers recorded which decision in which round. Only
// identical bytes add up. It belongs to one goroutine and keeps a round until it
// is told to forget it.
type Tally struct {
	votes map[Round]*votes
}

// votes are those of one round. Almost always all are on the same bytes: only
// what differs from the first needs a map.
type votes struct {
	first  vote
	others map[trust.Digest]*vote
	quorum bool
}

// vote is who recorded one decision's bytes, each once.
type vote struct {
	digest trust.Digest
	by     []trust.Identity
}

// on is the vote on these bytes.
func (v *votes) on(digest trust.Digest) *vote {
	switch {
	case len(v.first.by) == 0:
		v.first.digest = digest
		fallthrough
	case v.first.digest == digest:
		return &v.first
	case v.others == nil:
		v.others = make(map[trust.Digest]*vote, 1)
	}
	other := v.others[digest]
	if other == nil {
		other = &vote{digest: digest}
		v.others[digest] = other
	}
	return other
}

func (v *vote) cast(by trust.Identity) {
	if !slices.Contains(v.by, by) {
		v.by = append(v.by, by)
	}
}

// NewTally has counted nothing.
func NewTally() *Tally { return &Tally{votes: make(map[Round]*votes)} }

// Add counts item i of an authentic list of decisions, decoded, and returns the
// decision if it completes the first quorum in its round. One that stands on
// another tool's subject than its own counts no more here than for a claim.
func (t *Tally) Add(f *ledger.Fold, rec ledger.Record, i int, d *pb.Decision) *pb.Decision {
	release := f.Governance().Release()
	if d == nil || release == nil || i >= len(rec.Items) || rec.Token != Subject(d) {
		return nil
	}
	round := RoundOf(d)
	v := t.votes[round]
	if v == nil {
		v = new(votes)
		t.votes[round] = v
	}
	same := v.on(rec.Items[i].Digest)
	same.cast(rec.Signer.ID)
	if v.quorum || len(same.by) < int(release.Proto.GetDecisionThreshold()) {
		return nil
	}
	v.quorum = true
	return d
}

// Forget drops what was counted in a round.
func (t *Tally) Forget(r Round) { delete(t.votes, r) }
