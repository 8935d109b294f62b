package history

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Ahead is what Read finds in a message ahead of the fold. Nothing in it is
// authentic before the fold says so.
type Ahead struct {
	contents  []verdict.Content // intents
	decisions []*pb.Decision    // nil where an item is none
	outcomes  []*pb.Outcome     // nil where an item is none
	governing *trust.Envelope   // governance
}

// Contents are the record's intents, one for each item, as replicas of verdicts
// want them (verdict.Replica); nil for other kinds.
func (a Ahead) Contents() []verdict.Content { return a.contents }

// Read decodes what a History looks into. It is safe for concurrent use.
func Read(p *ledger.Parsed) Ahead {
	var a Ahead
	switch p.Kind() { //nolint:exhaustive // the rest is read when its turn has come
	case schemas.KindIntent:
		for _, item := range p.Items() {
			a.contents = append(a.contents, verdict.Read(item.Bytes))
		}
	case schemas.KindDecision:
		for _, item := range p.Items() {
			a.decisions = append(a.decisions, permit.ReadDecision(item.Bytes))
		}
	case schemas.KindOutcome:
		for _, item := range p.Items() {
			a.outcomes = append(a.outcomes, permit.ReadOutcome(item.Bytes))
		}
	case schemas.KindGovernance:
		a.governing, _ = trust.ParseEnvelope(p.Data) // nil where the fold says noise
	default:
	}
	return a
}

// fits reports whether it was read from the record's own message.
func (a Ahead) fits(rec ledger.Record) bool {
	n := len(rec.Items)
	switch rec.Kind { //nolint:exhaustive // nothing was read of other kinds
	case schemas.KindIntent:
		return rec.ListErr != nil || len(a.contents) == n
	case schemas.KindDecision:
		return len(a.decisions) == n
	case schemas.KindOutcome:
		return len(a.outcomes) == n
	case schemas.KindGovernance:
		return a.governing != nil
	default:
		return true
	}
}
