package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Ahead is what a Judge wants decoded of a record, ahead of the fold; nil where
// an item is not what its subject says.
type Ahead struct {
	stored    time.Time         // by the broker's clock
	contents  []verdict.Content // intents
	decisions []*pb.Decision
	outcomes  []*pb.Outcome
}

// Read decodes a record's items. It is safe for concurrent use.
func Read(p *ledger.Parsed) Ahead {
	a := Ahead{stored: p.Time}
	for _, item := range p.Items() {
		switch p.Kind() { //nolint:exhaustive // nothing else is looked into
		case schemas.KindIntent:
			a.contents = append(a.contents, verdict.Read(item.Bytes))
		case schemas.KindDecision:
			a.decisions = append(a.decisions, permit.ReadDecision(item.Bytes))
		case schemas.KindOutcome:
			a.outcomes = append(a.outcomes, permit.ReadOutcome(item.Bytes))
		default:
		}
	}
	return a
}
