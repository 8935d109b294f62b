package enforcer

import (
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ahead is what is decoded in parallel, ahead of the fold.
type ahead struct {
	contents  []verdict.Content // intents
	decisions []*pb.Decision    // decisions; nil where an item is none
}

// readAhead decodes as a reader without sealing keys: enough to know what was
// decided.
func readAhead(p *ledger.Parsed) ahead { return readAheadBy(verdict.Reader{}, p) }

func readAheadBy(reader verdict.Reader, p *ledger.Parsed) ahead {
	var a ahead
	for _, item := range p.Items() {
		if p.Kind() == schemas.KindIntent {
			a.contents = append(a.contents, reader.Read(item.Bytes))
		} else if p.Kind() == schemas.KindDecision {
			a.decisions = append(a.decisions, permit.ReadDecision(item.Bytes))
		}
	}
	return a
}
