package drift

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// reported judges outcomes: each must belong to a valid claim of its signer, be
// the only one of it, and name a head of this chain.
func (w *Watch) reported(f *ledger.Fold, rec ledger.Record, outcomes []*pb.Outcome) {
	for i, o := range outcomes {
		at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		claim, why := w.claims.conclude(f, rec, rec.Items[i], o)
		if why != "" {
			w.raise(f, schemas.DriftOutcomeRogue, symptom{
				subject: at.String(), about: w.aboutOutcome(rec, claim), at: rec.Seq, alike: true, since: f.LogTime(),
				detail: fmt.Sprintf("outcome %s of %s: %s", at, rec.Signer.ID, why),
			})
		}
		if o == nil {
			continue
		}
		// Outcomes are ordered with the chain, so no head can be beyond it; and whoever
		// acted had folded the epoch of its claim.
		if err := headOf(f, claim, o); err != nil {
			w.raise(f, schemas.DriftGovernanceMismatch, symptom{
				subject: rec.Signer.ID.String(), about: about{participant: rec.Signer.ID}, at: rec.Seq, since: f.LogTime(),
				detail: fmt.Sprintf("its outcome %s names a head that is not on this chain: %v", at, err),
			})
		}
	}
}

// headOf checks the head that an outcome names.
func headOf(f *ledger.Fold, c *claim, o *pb.Outcome) error {
	if c != nil && o.GetHead().GetNumber() < c.epoch {
		return fmt.Errorf("head %d is older than epoch %d, in which its claim stands", o.GetHead().GetNumber(), c.epoch)
	}
	return f.Governance().CheckHead(o.GetHead())
}

// aboutOutcome is about whoever acted, with all tools that it serves: what it
// says of the tool may be as wrong as the rest. The agent is known from the claim
// alone.
func (*Watch) aboutOutcome(rec ledger.Record, c *claim) about {
	a := about{participant: rec.Signer.ID, tool: rec.Token}
	if c != nil {
		a.tool, a.agent = c.tool, c.agent
	}
	return a
}

// conclude gives a claim its outcome, or says why it is none of it. The same
// bytes again are harmless: an executor repeats what was not acknowledged.
func (c *claims) conclude(f *ledger.Fold, rec ledger.Record, item ledger.Item, o *pb.Outcome) (one *claim, why string) {
	signer := rec.Signer.ID
	if o == nil || !signer.Is(o.GetExecutor()) {
		return nil, "it is no well-formed outcome of its signer"
	}
	at := ledger.PositionOf(o.GetClaim())
	one, unknown := c.find(at)
	intent, _ := trust.DigestFrom(o.GetIntentDigest())
	switch {
	case unknown:
		return nil, ""
	case one == nil:
		return nil, fmt.Sprintf("no valid claim stands at %s", at)
	case one.executor != signer:
		return one, fmt.Sprintf("claim %s is of %s", at, one.executor)
	case one.intent != intent:
		return one, fmt.Sprintf("claim %s is on another intent", at)
	case one.tool != rec.Token:
		return one, fmt.Sprintf("claim %s is for tool %s, and it stands on the subject of %s", at, one.tool, rec.Token)
	case one.outcome.IsZero():
		one.outcome = item.Digest
		delete(c.open, at)
		c.done.Add(at, one, f.LogTime())
	case one.outcome != item.Digest:
		return one, fmt.Sprintf("claim %s has another outcome already", at)
	}
	return one, ""
}
