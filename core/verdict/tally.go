package verdict

import (
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

type votes struct {
	by     map[trust.Digest]map[trust.Identity]bool // decision bytes → enforcers
	quorum bool
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
	v := t.votes[RoundOf(d)]
	if v == nil {
		v = &votes{by: make(map[trust.Digest]map[trust.Identity]bool, 1)}
		t.votes[RoundOf(d)] = v
	}
	same := v.by[rec.Items[i].Digest]
	if same == nil {
		same = make(map[trust.Identity]bool, 1)
		v.by[rec.Items[i].Digest] = same
	}
	same[rec.Signer.ID] = true
	if v.quorum || len(same) < int(release.Proto.GetDecisionThreshold()) {
		return nil
	}
	v.quorum = true
	return d
}

// Forget drops what was counted in a round.
func (t *Tally) Forget(r Round) { delete(t.votes, r) }
