package audit

import (
	"errors"
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// headSeen is a tree that a pulse names and that is not of these records.
type headSeen struct {
	finding Finding
	number  uint64 // of the governance head that its pulse names
	size    uint64
	root    trust.Digest
}

// maxHeads bounds the trees that wait for governors to answer. What comes beyond
// is found at once.
const maxHeads = 1 << 10

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

// named compares a tree that a pulse names with the records. One that is not
// theirs, or reaches beyond the pulse's own position, means that records were
// lost since: governors must have signed for it, or do so yet.
func (j *Judge) named(f *ledger.Fold, rec ledger.Record, r *roots) {
	head, number := rec.Pulse.GetCheckpoint(), rec.Pulse.GetHead().GetNumber()
	if head.GetSize() == 0 || slices.ContainsFunc(j.losses, func(l lossSeen) bool { return l.excuses(number, head.GetSize()) }) {
		return
	}
	named := trust.DigestIn(head.GetRoot())
	root, known := r.at(head.GetSize())
	p, signer := ledger.Position{Seq: rec.Seq}, rec.Signer.ID.String()
	switch {
	case head.GetSize() >= rec.Seq:
		j.wait(rec.Pulse, at(f, RuleCheckpoint, p, signer, "its pulse names a checkpoint over %d records, where %d stand: what followed was lost, and no governors signed for the loss", head.GetSize(), rec.Seq-1))
	case !known:
		j.old++
	case root != lineage.Hash(named):
		j.wait(rec.Pulse, at(f, RuleCheckpoint, p, signer, "its pulse names root %s for the first %d records, whose root is %s, and no governors signed for its loss", named.Short(), head.GetSize(), trust.Digest(root).Short()))
	}
}

// wait keeps a finding that governors may yet answer, once for each tree that a
// sentinel names: it repeats it with every pulse.
func (j *Judge) wait(pulse *pb.Pulse, finding Finding) {
	head := pulse.GetCheckpoint()
	one := headSeen{finding, pulse.GetHead().GetNumber(), head.GetSize(), trust.DigestIn(head.GetRoot())}
	switch {
	case slices.ContainsFunc(j.heads, one.same):
	case len(j.heads) == maxHeads:
		j.find(finding)
	default:
		j.heads = append(j.heads, one)
	}
}

func (h headSeen) same(other headSeen) bool {
	return h.size == other.size && h.root == other.root && h.finding.Subject == other.finding.Subject
}
