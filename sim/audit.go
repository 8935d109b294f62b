package sim

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// checkAudit audits the ledger from its bytes alone, as anybody could. Where
// nobody lies and nobody was lied to, nothing may be found; else nothing but what
// liars and the deceived have signed. One thing an honest executor may do: its
// outcome was under way when it crashed, and its next start knows nothing of it.
func (w *World) checkAudit() {
	report := w.audit()
	for _, f := range report.Findings {
		if f.Rule == audit.RuleRogue && w.crossed(f.Position) {
			continue
		}
		if !slices.ContainsFunc(w.nodes, func(n *node) bool { return n.member.SPIFFE() == f.Subject && (n.deceived || w.liar(n.name)) }) {
			w.fail(Audit, "%s at %s: %s", f.Rule, f.Position, f.Detail)
		}
	}
	w.found = report.Findings
}

// crossed reports whether the outcome at a position is of a claim of which its
// executor has also said that it does not know.
func (w *World) crossed(position string) bool {
	at, err := ledger.ParsePosition(position)
	if err != nil {
		return false
	}
	claim := outcomeOf(w.entries[at.Seq-1]).GetClaim()
	return slices.ContainsFunc(w.entries, func(e *entry) bool {
		o := outcomeOf(e)
		return o.GetStatus() == pb.Status_STATUS_INDETERMINATE && ledger.PositionOf(o.GetClaim()) == ledger.PositionOf(claim)
	})
}

// outcomeOf is what an executor reported, nil if it is another kind of record.
func outcomeOf(e *entry) *pb.Outcome {
	o := new(pb.Outcome)
	if e.truth.Kind != schemas.KindOutcome || len(e.truth.Items) != 1 || unmarshal(e.truth.Items[0], o) != nil {
		return nil
	}
	return o
}

func (w *World) liar(name string) bool {
	return slices.ContainsFunc(w.enforcers, func(e *enforcer) bool { return e.node.name == name && e.liar })
}

// aftermath lets what was done wrong reach the ledger.
func (w *World) aftermath() {
	broken := w.failure
	w.failure = nil
	for range 5 {
		w.tick(50 * time.Millisecond)
	}
	w.failure = broken
}

// audit judges the ledger with a fold of its own. Signatures that followers
// verified are not verified again: that is core/ledger's business.
func (w *World) audit() *audit.Report {
	fold, judge := ledger.NewFold(w.zone.Ledger, w.keys), audit.NewJudge(audit.JudgeConfig{Whole: true})
	parser := ledger.Parser{Zone: trusttest.ZoneName, Keys: w.keys}
	for _, e := range w.entries {
		parsed := parser.Parse(e.raw())
		rec, noise := fold.Step(parsed)
		if noise != nil {
			judge.Noise(fold, noise)
			continue
		}
		if err := judge.Record(fold, rec, audit.Read(parsed)); err != nil {
			w.fail(Audit, "%v", err)
			break
		}
	}
	return judge.Finish(fold)
}
