package drift

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Items are a record's items, decoded; nil where an item is not what its subject
// says.
type Items struct {
	decisions []*pb.Decision
	outcomes  []*pb.Outcome
}

// Read decodes what a Watch looks into. It is safe for concurrent use, ahead of
// the fold.
func Read(p *ledger.Parsed) Items {
	var items Items
	for _, item := range p.Items() {
		switch p.Kind() { //nolint:exhaustive // nothing else is looked into
		case schemas.KindDecision:
			items.decisions = append(items.decisions, permit.ReadDecision(item.Bytes))
		case schemas.KindOutcome:
			items.outcomes = append(items.outcomes, permit.ReadOutcome(item.Bytes))
		default:
		}
	}
	return items
}

// Decisions are those of a record of decisions, item by item; nil where an item
// is none.
func (i Items) Decisions() []*pb.Decision { return i.decisions }
