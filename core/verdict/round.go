package verdict

import (
	"cmp"

	"github.com/portcullis-dev/portcullis/core/ledger"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Round is what enforcers vote on: one intent, in one round. Round 0 is decided
// where the intent stands, each further one where the approval stands that
// opened it (PROTOCOL section 7).
type Round struct {
	Intent ledger.Position
	Number uint32
}

// RoundOf is the round that a decision is of.
func RoundOf(d *pb.Decision) Round {
	return Round{ledger.PositionOf(d.GetIntent()), d.GetRound()}
}

// Compare orders rounds by their intents' positions, then by number.
func (r Round) Compare(o Round) int {
	return cmp.Or(r.Intent.Compare(o.Intent), cmp.Compare(r.Number, o.Number))
}

// DecidedAt is where a decision was derived: at the intent, or at the approval
// that opened its round.
func DecidedAt(d *pb.Decision) ledger.Position {
	if d.GetRound() > 0 {
		return ledger.PositionOf(d.GetApproval())
	}
	return ledger.PositionOf(d.GetIntent())
}
