package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// claim is a valid claim.
type claim struct {
	at       ledger.Position
	executor trust.Identity
	intent   trust.Digest
	life     *life // nil if the intent stands before what was read
	logTime  time.Time
	due      time.Time // log time when its action must have ended
	slept    time.Duration
	outcome  trust.Digest
}

// claimed judges claims as executors do.
func (j *Judge) claimed(f *ledger.Fold, rec ledger.Record) {
	for i, item := range rec.Items {
		r := j.book.Claim(f, rec.Token, rec.Signer.ID, ledger.Position{Seq: rec.Seq, Index: uint32(i)}, item)
		if r.Claim != nil && !j.begin.claims(f, ledger.PositionOf(r.Claim.GetIntent())) {
			j.begin.unsure = rec.Seq
			continue
		}
		l := j.digest[r.Intent]
		switch {
		case r.Valid():
			c := j.valid(f, r, l)
			j.claims[r.Position] = c
			if l != nil {
				l.claim = c
			}
		default:
			j.report.Void[schemas.ReasonCode(r.Void)]++
			if l != nil {
				l.voids++
			}
		}
	}
}

func (j *Judge) valid(f *ledger.Fold, r permit.Ruling, l *life) *claim {
	release := f.Governance().Release()
	c := &claim{at: r.Position, executor: r.Executor, intent: r.Intent, life: l, logTime: f.LogTime(), due: r.Decision.GetDeadline().AsTime(), slept: j.sleep.total}
	if tool, known := release.Tool(r.Decision.GetTool()); known && tool.GetRunLimit() != nil {
		if end := f.LogTime().Add(tool.GetRunLimit().AsDuration()); end.Before(c.due) {
			c.due = end
		}
	}
	if l == nil && j.replica != nil {
		j.find(at(f, RuleCount, r.Position, r.Executor.String(), "a valid claim on intent %s, which does not stand before it or is over", ledger.PositionOf(r.Claim.GetIntent())))
	}
	return c
}

// outcomes judges outcomes: each belongs to a valid claim of its signer, is the
// only one of it, names a head of this chain, and an action that it tells of
// began in time.
func (j *Judge) outcomes(f *ledger.Fold, rec ledger.Record, outcomes []*pb.Outcome) {
	for i, o := range outcomes {
		p, signer := ledger.Position{Seq: rec.Seq, Index: uint32(i)}, rec.Signer.ID
		c, why := j.conclude(f, signer, rec.Items[i], o)
		if why != "" {
			j.find(at(f, RuleRogue, p, signer.String(), "%s", why))
		}
		if o == nil {
			continue
		}
		if err := f.Governance().CheckHead(o.GetHead()); err != nil {
			j.find(at(f, RuleHead, p, signer.String(), "the outcome names a head that is not on this chain: %v", err))
		}
		if c != nil {
			j.inTime(f, p, c, o)
		}
	}
}

// conclude gives a claim its outcome, or says why it is none of it. The same
// bytes again are harmless: an executor repeats what was not acknowledged.
func (j *Judge) conclude(f *ledger.Fold, signer trust.Identity, item ledger.Item, o *pb.Outcome) (*claim, string) {
	if o == nil || o.GetExecutor() != signer.String() {
		return nil, "it is no well-formed outcome of its signer"
	}
	p := ledger.PositionOf(o.GetClaim())
	c, open := j.claims[p]
	if !open {
		c, _ = j.done.Get(p)
	}
	switch {
	case c == nil && p.Seq <= j.begin.unsure:
		return nil, ""
	case c == nil && p.Seq <= j.past:
		j.again++
		return nil, ""
	case c == nil:
		return nil, "no valid claim stands at " + p.String()
	case c.executor != signer:
		return nil, "claim " + p.String() + " is of " + c.executor.String()
	case c.intent != trust.DigestIn(o.GetIntentDigest()):
		return nil, "claim " + p.String() + " is on another intent"
	case open:
		c.outcome = item.Digest
		delete(j.claims, p)
		j.done.Add(p, c, f.LogTime())
		if c.life != nil {
			j.finish(c.life, stateOf(o.GetStatus()))
		}
		return c, ""
	case c.outcome != item.Digest:
		return nil, "claim " + p.String() + " has another outcome already"
	default:
		return nil, ""
	}
}

// inTime holds S3 as far as clocks can tell: an action starts within the start
// bound after its claim, by the executor's clock, which may be off by the bound
// on clocks.
func (j *Judge) inTime(f *ledger.Fold, p ledger.Position, c *claim, o *pb.Outcome) {
	if o.GetStarted() == nil {
		return
	}
	bounds := f.Governance().Release().Bounds
	late := o.GetStarted().AsTime().Sub(c.logTime)
	if late > bounds.Start+bounds.MaxClockSkew {
		j.find(at(f, RuleStart, p, o.GetExecutor(), "its action began %v after claim %s by its own clock; the start bound is %v, and clocks may differ by %v", late, c.at, bounds.Start, bounds.MaxClockSkew))
	}
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
