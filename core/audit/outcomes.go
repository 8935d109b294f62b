package audit

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// outcomes judges outcomes: each belongs to a valid claim of its signer, is the
// only one of it, names a head of this chain, and does not contradict its claim.
func (j *Judge) outcomes(f *ledger.Fold, rec ledger.Record, outcomes []*pb.Outcome) {
	for i, o := range outcomes {
		p, signer := ledger.Position{Seq: rec.Seq, Index: uint32(i)}, rec.Signer.ID
		c, why := j.conclude(f, rec, rec.Items[i], o)
		if why != "" {
			j.find(at(f, RuleRogue, p, signer.String(), "%s", why))
		}
		if o == nil {
			continue
		}
		if err := f.Governance().CheckHead(o.GetHead()); err != nil {
			j.find(at(f, RuleHead, p, signer.String(), "the outcome names a head that is not on this chain: %v", err))
		}
		if c == nil {
			continue
		}
		if rule, why := c.contradicted(o); why != "" {
			j.find(at(f, rule, p, signer.String(), "%s", why))
		}
	}
}

// conclude gives a claim its outcome, or says why it is none of it. The same
// bytes again are harmless: an executor repeats what was not acknowledged.
func (j *Judge) conclude(f *ledger.Fold, rec ledger.Record, item ledger.Item, o *pb.Outcome) (*claim, string) {
	signer := rec.Signer.ID
	if o == nil || !signer.Is(o.GetExecutor()) {
		return nil, "it is no well-formed outcome of its signer"
	}
	p := ledger.PositionOf(o.GetClaim())
	c, open := j.claims[p]
	if !open {
		c, _ = j.done.Get(p)
	}
	switch {
	case c == nil && (p.Seq <= j.begin.unsure || j.settled.proves(p, item.Digest)):
		return nil, ""
	case c == nil:
		return nil, "no valid claim stands at " + p.String() + ", or it had its outcome long ago"
	case c.executor != signer:
		return nil, "claim " + p.String() + " is of " + c.executor.String()
	case c.intent != trust.DigestIn(o.GetIntentDigest()):
		return nil, "claim " + p.String() + " is on another intent"
	case c.tool != rec.Token:
		return nil, fmt.Sprintf("claim %s is on tool %q, and its outcome stands on the subject of %q", p, c.tool, rec.Token)
	case open:
		j.settle(f, c, item.Digest, o.GetStatus())
		return c, ""
	case c.outcome != item.Digest:
		return nil, "claim " + p.String() + " has another outcome already"
	default:
		return nil, ""
	}
}

// settle gives a claim its outcome, and its intent the final state.
func (j *Judge) settle(f *ledger.Fold, c *claim, outcome trust.Digest, status pb.Status) {
	c.outcome = outcome
	delete(j.claims, c.at)
	j.done.Add(c.at, c, f.LogTime())
	j.settled.add(c.at, outcome, f.LogTime())
	if c.life != nil {
		j.finish(c.life, stateOf(status))
	}
}

// contradicted holds an outcome against its claim: it was written by somebody who
// had read whatever governed the claim, and holds S3 as far as clocks can tell.
// An action starts within the start bound after its claim was stored, by the
// executor's clock, which may be off by the bound on clocks: both those of the
// release at the claim. It returns the first rule that is broken and how; "" if
// nothing is.
func (c *claim) contradicted(o *pb.Outcome) (rule Rule, how string) {
	skew, start := c.bounds.MaxClockSkew, c.bounds.Start
	after := o.GetStarted().AsTime().Sub(c.stored)
	lasted := o.GetFinished().AsTime().Sub(o.GetStarted().AsTime())
	switch {
	case o.GetHead().GetNumber() < c.epoch:
		return RuleHead, fmt.Sprintf("the outcome names governance head %d, and its claim %s stands behind head %d: it was written without having read that", o.GetHead().GetNumber(), c.at, c.epoch)
	case o.GetStarted() == nil && acted(o.GetStatus()):
		return RuleStart, fmt.Sprintf("it does not say when its action began: nobody can tell that it was within the start bound of %v after claim %s", start, c.at)
	case o.GetStarted() == nil:
		return "", ""
	case o.GetStatus() == pb.Status_STATUS_ABANDONED:
		return RuleRogue, fmt.Sprintf("it abandons claim %s, and says when the action began", c.at)
	case after < -skew:
		return RuleRogue, fmt.Sprintf("its action began %v before claim %s by its own clock; clocks may differ by %v", -after, c.at, skew)
	case after > start+skew:
		return RuleStart, fmt.Sprintf("its action began %v after claim %s by its own clock; the start bound is %v, and clocks may differ by %v", after, c.at, start, skew)
	case lasted < -skew: // a clock may be set while an action runs
		return RuleRogue, fmt.Sprintf("its action of claim %s ended %v before it began", c.at, -lasted)
	default:
		return "", ""
	}
}

// acted reports whether a status tells of an action that began. Of a crash nobody
// knows.
func acted(s pb.Status) bool {
	return s == pb.Status_STATUS_EXECUTED || s == pb.Status_STATUS_FAILED || s == pb.Status_STATUS_INTERRUPTED
}

func stateOf(s pb.Status) State {
	switch s {
	case pb.Status_STATUS_EXECUTED:
		return StateExecuted
	case pb.Status_STATUS_FAILED:
		return StateFailed
	case pb.Status_STATUS_INTERRUPTED:
		return StateInterrupted
	case pb.Status_STATUS_ABANDONED:
		return StateAbandoned
	case pb.Status_STATUS_INDETERMINATE, pb.Status_STATUS_UNSPECIFIED:
		return StateIndeterminate
	}
	return StateIndeterminate
}
