package transcript

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Ahead is what Prepare finds in a message ahead of the fold. Nothing in it is
// authentic before the fold says so.
type Ahead struct {
	subject   string
	size      int
	contents  []verdict.Content // intents
	decisions []*pb.Decision    // nil where an item is none
	governing *trust.Envelope   // governance
}

// Prepare reads a message. It is safe for concurrent use: it is the prepare
// function of feed.Run for a Teller and for a Story.
func Prepare(p *ledger.Parsed) Ahead {
	a := Ahead{subject: p.Subject, size: len(p.Data)}
	switch p.Kind() { //nolint:exhaustive // the rest is read when its turn has come
	case schemas.KindIntent:
		for _, item := range p.Items() {
			a.contents = append(a.contents, verdict.Read(item.Bytes))
		}
	case schemas.KindDecision:
		for _, item := range p.Items() {
			a.decisions = append(a.decisions, permit.ReadDecision(item.Bytes))
		}
	case schemas.KindGovernance:
		a.governing, _ = trust.ParseEnvelope(p.Data) // nil where the fold says noise
	default:
	}
	return a
}
