package audit

import (
	"errors"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// headSeen is a tree that a pulse names and whose records do not stand yet, or
// never will.
type headSeen struct {
	finding Finding
	size    uint64
}

// pulsed judges what a pulse says of the ledger. The fold has compared its head
// and its span; what it says once, the fold repeats with every pulse that
// follows.
func (j *Judge) pulsed(f *ledger.Fold, rec ledger.Record) {
	p, signer := ledger.Position{Seq: rec.Seq}, rec.Signer.ID.String()
	fault := f.Pulse().Fault
	if fault == nil {
		j.fault = ""
		return
	}
	if fault.Error() == j.fault {
		return
	}
	j.fault = fault.Error()
	rule := RuleHead
	if errors.Is(fault, ledger.ErrShownAnother) {
		rule = RuleSpan
	}
	j.find(at(f, rule, p, signer, "%v", fault))
}

// named compares a tree that a pulse names with the records. A tree beyond the
// pulse's own position means that records were lost since: governors must have
// signed for it.
func (j *Judge) named(f *ledger.Fold, rec ledger.Record, r *roots) {
	head := rec.Pulse.GetCheckpoint()
	if head == nil || head.GetSize() == 0 {
		return
	}
	p, signer := ledger.Position{Seq: rec.Seq}, rec.Signer.ID.String()
	if head.GetSize() >= rec.Seq {
		j.heads = append(j.heads, headSeen{at(f, RuleCheckpoint, p, signer, "its pulse names a checkpoint over %d records, where %d stand: what followed was lost, and no governors signed for the loss", head.GetSize(), rec.Seq-1), head.GetSize()})
		return
	}
	root, known := r.at(head.GetSize())
	if named, _ := trust.DigestFrom(head.GetRoot()); known && root != lineage.Hash(named) {
		j.find(at(f, RuleCheckpoint, p, signer, "its pulse names root %s for the first %d records, whose root is %s", named.Short(), head.GetSize(), trust.Digest(root).Short()))
	}
}
