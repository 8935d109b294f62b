package audit

import (
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// lossSeen is a loss that governors signed for, and the epoch that it opened.
type lossSeen struct {
	loss  *pb.Loss
	epoch uint64
}

// excuses reports whether the tree of this size, in a pulse that names this
// governance head, is one that governors know to be lost. Whoever had read of the
// loss speaks of the tree that began with it.
func (l lossSeen) excuses(head, size uint64) bool {
	return head < l.epoch && l.loss.GetKept() < size && size <= l.loss.GetLost().GetSize()
}

// lost takes a loss at a position. It answers what sentinels said before it, and
// nobody can judge any more what is gone.
func (j *Judge) lost(seq uint64, l lossSeen) {
	j.losses = append(j.losses, l)
	j.heads = slices.DeleteFunc(j.heads, func(h headSeen) bool { return l.excuses(h.number, h.size) })
	kept, lost := l.loss.GetKept(), l.loss.GetLost().GetSize()
	j.unjudged(fmt.Sprintf("what stood at positions %d to %d before the loss that governors signed for at %d: it is gone", kept+1, lost, seq))
}

// losing compares the tree that a loss says is lost with the records: if it is
// theirs, nothing was lost, and a tree that witnesses know was given up for
// another reason. One that reaches beyond its own record cannot be theirs.
func (j *Judge) losing(f *ledger.Fold, rec ledger.Record, r *roots) {
	lost := rec.Effect.Record.GetLoss().GetLost()
	if lost.GetSize() == 0 || lost.GetSize() >= rec.Seq {
		return
	}
	root, known := r.at(lost.GetSize())
	switch {
	case !known:
		j.unjudged(fmt.Sprintf("whether the loss at position %d was one: its tree of %d records is too far behind", rec.Seq, lost.GetSize()))
	case root == lineage.Hash(trust.DigestIn(lost.GetRoot())):
		j.find(at(f, RuleCheckpoint, ledger.Position{Seq: rec.Seq}, "", "governors signed for the loss of a tree of %d records, and it is the tree of the first %d records here: nothing was lost", lost.GetSize(), lost.GetSize()))
	}
}
