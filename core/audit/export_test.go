package audit

import "github.com/portcullis-dev/portcullis/core/ledger"

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
