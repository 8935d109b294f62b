package vitals

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ahead is what is decoded before the fold, item by item; nil for what cannot be read.
type ahead struct {
	decisions []*pb.Decision
	outcomes  []*pb.Outcome
}

func read(p *ledger.Parsed) (a ahead) {
	switch p.Kind() { //nolint:exhaustive // nothing is looked for in other kinds
	case schemas.KindDecision:
		for _, item := range p.Items() {
			a.decisions = append(a.decisions, permit.ReadDecision(item.Bytes))
		}
	case schemas.KindOutcome:
		for _, item := range p.Items() {
			a.outcomes = append(a.outcomes, permit.ReadOutcome(item.Bytes))
		}
	default:
	}
	return a
}
