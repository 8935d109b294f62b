package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// settled remembers what outcome claims had, for longer than the claims: an
// executor that was cut off may repeat what nobody acknowledged, however late.
// Whatever else an outcome of a forgotten claim is, nothing proves that it is a
// copy.
type settled struct {
	outcomes aged.Map[ledger.Position, trust.Digest] // by claim
}

// maxSettled bounds the outcomes that are remembered: the newest.
const maxSettled = 1 << 16

func (s *settled) add(claim ledger.Position, outcome trust.Digest, logTime time.Time) {
	s.outcomes.Add(claim, outcome, logTime)
	s.outcomes.Trim(maxSettled, func(ledger.Position) {})
}

// proves reports whether these bytes are surely the outcome that a claim had.
func (s *settled) proves(claim ledger.Position, outcome trust.Digest) bool {
	had, known := s.outcomes.Get(claim)
	return known && had == outcome
}
