package audit

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// Remembered is behind how many records a tree's root is not known any more, at
// the most.
const Remembered = snapshotEvery * maxSnapshots

// Held is how much a judge remembers that could grow.
func (a *Audit) Held() map[string]int {
	j := a.judge
	return map[string]int{
		"lives": len(j.lives), "digest": len(j.digest), "due": len(j.due), "claims": len(j.claims), "rounds": len(j.rounds), "heads": len(j.heads),
	}
}

// Done empties the memory of claims with an outcome and tells how many there were.
func (a *Audit) Done() (n int) {
	a.judge.done.Trim(0, func(ledger.Position) { n++ })
	return n
}

// MaxHeads is how many trees in pulses wait for governors to answer.
const MaxHeads = maxHeads

// MaxRecorded is how much Underived gives.
const MaxRecorded = maxRecorded

// MaxSettled is how many outcomes are remembered when their claims are forgotten.
const MaxSettled = maxSettled

// Settled is a memory of outcomes.
type Settled struct{ settled }

// Add notes the outcome that a claim had.
func (s *Settled) Add(claim ledger.Position, outcome trust.Digest) {
	s.add(claim, outcome, time.Time{})
}

// Proves reports whether these bytes are surely the outcome that a claim had.
func (s *Settled) Proves(claim ledger.Position, outcome trust.Digest) bool {
	return s.proves(claim, outcome)
}
