package enforcer

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// tally counts which enforcers recorded which decision on an intent.
type tally struct {
	votes map[ledger.Position]*votes
}

type votes struct {
	by     map[trust.Digest]map[trust.Identity]bool // decision bytes → enforcers
	quorum bool
}

func newTally() *tally { return &tally{votes: make(map[ledger.Position]*votes)} }

// add counts item i of a list of decisions and returns the decision if it
// completes the first quorum on its intent. Only identical bytes add up.
func (t *tally) add(f *ledger.Fold, rec ledger.Record, i int, d *pb.Decision) *pb.Decision {
	release := f.Governance().Release()
	if d == nil || release == nil || i >= len(rec.Items) {
		return nil
	}
	at := ledger.PositionOf(d.GetIntent())
	v := t.votes[at]
	if v == nil {
		v = &votes{by: make(map[trust.Digest]map[trust.Identity]bool, 1)}
		t.votes[at] = v
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

func (t *tally) forget(at ledger.Position) { delete(t.votes, at) }
