package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// claim is a valid claim, and what held when it was made.
type claim struct {
	at       ledger.Position
	executor trust.Identity
	tool     string
	intent   trust.Digest
	life     *life // nil if the intent stands before what was read
	stored   time.Time
	epoch    uint64
	bounds   governance.Bounds
	due      time.Time // log time when its action must have ended
	slept    time.Duration
	outcome  trust.Digest
}

// claimed judges claims as executors do. Stored is when the broker stored them.
func (j *Judge) claimed(f *ledger.Fold, rec ledger.Record, stored time.Time) {
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
			c.stored = stored
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
	c := &claim{
		at: r.Position, executor: r.Executor, tool: r.Decision.GetTool(), intent: r.Intent, life: l, epoch: f.Governance().Epoch(), bounds: release.Bounds,
		due: r.Decision.GetDeadline().AsTime(), slept: j.sleep.total,
	}
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
