package transcript

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// derived is a decision as this process derives it from the ledger's prefix.
type derived struct {
	decision    *pb.Decision
	bytes       trust.Digest // of the decision's encoding
	explanation string       // of a denial
}

// rederive derives the decisions that one event calls for, as an enforcer did
// (S5), and returns those on the intent that is asked about. What is recorded
// plays no part in it.
func rederive(r *verdict.Replica, f *ledger.Fold, ev feed.Event[Ahead], about trust.Digest) (found []derived, err error) {
	all, err := r.Step(f, ev.Record, ev.Ahead.contents)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if trust.DigestIn(d.Decision.GetIntentDigest()) == about {
			found = append(found, derived{d.Decision, d.Digest, d.Explain()})
		}
	}
	return found, nil
}
