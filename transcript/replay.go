package transcript

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// derived is a decision as this process derives it from the ledger's prefix.
type derived struct {
	decision    *pb.Decision
	bytes       trust.Digest // of the decision's encoding
	explanation string       // of a denial
}

// replay derives every verdict again, from the beginning of the ledger, as an
// enforcer did (S5). What is recorded plays no part in it.
type replay struct {
	state *verdict.State
	rules *verdict.Rules
}

func newReplay() *replay { return &replay{state: verdict.NewState()} }

// step derives the decisions on the intents of one event. It returns the one on
// the intent that is asked about; nil if it is not among them, or was decided
// before.
func (r *replay) step(f *ledger.Fold, ev feed.Event[Ahead], about trust.Digest) (*derived, error) {
	release := f.Governance().Release()
	if ev.Record.Kind != schemas.KindIntent || release == nil {
		return nil, nil // noise has no kind
	}
	if r.rules == nil || r.rules.Release.Digest != release.Digest {
		r.rules = verdict.Compile(release)
	}
	if ev.Record.ListErr != nil {
		return r.conclude(verdict.Unreadable(f, r.rules, ev.Record), about, nil)
	}
	var found *derived
	for i, item := range ev.Record.Items {
		in := verdict.Intent{
			Position: ledger.Position{Seq: ev.Seq, Index: uint32(i)},
			Digest:   item.Digest, Size: len(item.Bytes), Signer: ev.Record.Signer,
			Content: ev.Ahead.contents[i].Intent, Defect: ev.Ahead.contents[i].Defect,
		}
		d := r.state.Decide(f, r.rules, in)
		if d == nil {
			continue // a re-send
		}
		var request *policy.Request
		if q, ok := r.state.PolicyRequest(f, r.rules, in); ok && item.Digest == about {
			request = &q
		}
		one, err := r.conclude(d, about, request)
		if err != nil {
			return nil, err
		}
		if one != nil {
			found = one
		}
	}
	return found, nil
}

func (r *replay) conclude(d *pb.Decision, about trust.Digest, request *policy.Request) (*derived, error) {
	r.state.Apply(d, r.rules.Release.Bounds.Memory)
	if digestOf(d.GetIntentDigest()) != about {
		return nil, nil
	}
	data, err := verdict.Encode(d)
	if err != nil {
		return nil, err
	}
	one := &derived{decision: d, bytes: trust.DigestOf(data)}
	if d.GetVerdict() != pb.Verdict_VERDICT_ALLOW {
		one.explanation = verdict.Explain(r.rules, d, request)
	}
	return one, nil
}
