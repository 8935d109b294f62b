package sim

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// report says what became of a claim.
func (x *executor) report(at ledger.Position, d *pb.Decision, status pb.Status) {
	w := x.node.w
	o := &pb.Outcome{
		IntentDigest: d.GetIntentDigest(), Claim: at.Proto(), Executor: x.node.member.SPIFFE(), Status: status,
		Finished: timestamppb.New(x.node.clock()), Head: x.node.fold.Governance().Head().Proto(),
	}
	if status == pb.Status_STATUS_EXECUTED {
		o.Started = o.GetFinished()
	}
	note := fmt.Sprintf("%s: %v of claim %s", x.node.name, status, at)
	m := w.sealList(x.node.member, schemas.KindOutcome, d.GetTool(), Truth{Items: [][]byte{marshal(o)}, Note: note})
	x.append(m)
}

// append sends an outcome until the ledger has it.
func (x *executor) append(m message) {
	x.node.w.send(x.node, m, func(how fate) {
		if how != acknowledged {
			x.append(m)
		}
	})
}

func (x *executor) crashed(at ledger.Position, o openClaim) {
	if !o.mine {
		x.report(at, o.decision, pb.Status_STATUS_INDETERMINATE)
	}
}

// outcomes settles its own, and compares the governance head that each names.
func (x *executor) outcomes(rec ledger.Record) {
	for _, item := range rec.Items {
		o := new(pb.Outcome)
		if unmarshal(item.Bytes, o) != nil {
			continue
		}
		if rec.Signer.ID == x.node.member.ID {
			delete(x.open, ledger.PositionOf(o.GetClaim()))
		}
		if x.node.fold.Governance().CheckHead(o.GetHead()) != nil {
			x.lineage = rec.Seq
		}
	}
}

// settleMark writes to disk how far every claim of its own has an outcome.
func (x *executor) settleMark() {
	settled := x.node.seq
	for at := range x.open {
		settled = min(settled, at.Seq-1)
	}
	x.mark = max(x.mark, settled)
}

func sortedPositions[T any](m map[ledger.Position]T) []ledger.Position {
	all := make([]ledger.Position, 0, len(m))
	for at := range m {
		all = append(all, at)
	}
	slices.SortFunc(all, ledger.Position.Compare)
	return all
}
