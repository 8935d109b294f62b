package verdict

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Blind reports whether the state lacks a decision of the last W: one that could
// not be derived, because arguments are sealed to a key that this replica has
// not got, and that it was not told of (ReplicaConfig). Verdicts depend on what
// was decided within W, so until then it derives nothing that rests on its
// state, and its state must not be compared with anybody's. Every decision that
// is due meanwhile, and that it is not told of, makes it blind for longer.
func (r *Replica) Blind(f *ledger.Fold) bool { return nanos(f.LogTime()) < r.blind }

// underivable reports whether a decision on an intent is due that this replica
// cannot derive.
func (r *Replica) underivable(f *ledger.Fold, rules *Rules, in Intent) bool {
	r.state.Expire(nanos(f.LogTime()))
	return (r.Blind(f) || rules.Sealed(in)) && !r.state.Seen(in.Digest)
}

// missed takes what a quorum recorded in the place of what cannot be derived, or
// makes the replica blind. It returns the recorded decision, nil if there is none.
func (r *Replica) missed(f *ledger.Fold, rules *Rules, at ledger.Position, intent trust.Digest) *pb.Decision {
	r.cfg.Underived(at)
	known := r.apply(f, rules, r.cfg.Recorded(at), intent)
	if known == nil {
		r.blind = max(r.blind, after(nanos(f.LogTime()), rules.Release.Bounds.Memory))
	}
	return known
}
