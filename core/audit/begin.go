package audit

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
)

// begin is where judging begins: with genesis, at the first record. In a range it
// is where a pulse is known, or surely none is fresh: of an intent before that
// place nobody can tell what was decided and claimed.
type begin struct {
	known  bool
	at     uint64    // intents from here on are judged
	first  time.Time // log time of the first record read
	unsure uint64    // claims at or before this sequence may be valid or not
}

func (b *begin) pass(f *ledger.Fold, whole bool) {
	switch {
	case b.known:
		return
	case whole:
		b.known = true
		return
	case b.first.IsZero():
		b.first, b.unsure = f.LogTime(), f.Seq()-1
	}
	release := f.Governance().Release()
	if f.Pulse().Seq != 0 || release != nil && f.LogTime().Sub(b.first) >= release.Bounds.PulseLimit {
		b.known, b.at = true, f.Seq()
	}
}

// judges reports whether what stands at a position is judged.
func (b *begin) judges(p ledger.Position) bool { return b.known && p.Seq >= b.at }

// claims reports whether a claim on an intent can be judged. One on an intent of
// before is surely void once the longest deadline is over.
func (b *begin) claims(f *ledger.Fold, intent ledger.Position) bool {
	release := f.Governance().Release()
	return b.judges(intent) || release != nil && f.LogTime().Sub(b.first) > release.Bounds.MaxDeadline
}

// told says what a range leaves unjudged.
func (b *begin) told() string {
	if !b.known {
		return "intents, and what became of them: no pulse stands among these records"
	}
	return fmt.Sprintf("intents before position %d, and what became of them: what they rest on is not all among these records", b.at)
}
