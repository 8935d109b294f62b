package audit

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// blindness is what could not be derived, because arguments are sealed.
type blindness struct {
	told     bool                             // of all that quorums decided, by an earlier judge
	missed   []ledger.Position                // of this record
	recorded map[ledger.Position]*pb.Decision // what quorums made of it, by where it was decided
	sealed   uint64                           // intents whose arguments are sealed
	clear    uint64                           // intents in the clear, on which a recorded verdict was not compared
	first    Finding                          // about the first of these
}

// maxRecorded bounds what Underived gives. If there was that much, there may have
// been more, and what cannot be derived without it is no finding.
const maxRecorded = 1 << 20

func (b *blindness) record(d *pb.Decision) {
	if len(b.recorded) < maxRecorded {
		b.recorded[verdict.DecidedAt(d)] = d
	}
}

// Underived is what quorums decided where no verdict could be derived, because
// arguments are sealed. A second judge that is given it derives everything else.
func (j *Judge) Underived() map[ledger.Position]*pb.Decision { return j.blind.recorded }

// bearUnderived begins the life of an intent on which no verdict could be
// derived: its arguments are sealed, or it may depend on one whose are.
func (j *Judge) bearUnderived(f *ledger.Fold, rec ledger.Record, contents []verdict.Content, at ledger.Position) {
	if int(at.Index) >= len(rec.Items) || j.digest[rec.Items[at.Index].Digest] != nil {
		return // a list that cannot be read, or a re-send
	}
	content := contents[at.Index]
	l := j.bear(f, at, rec.Items[at.Index].Digest, content.Intent.GetDeadline())
	l.taken = true
	if l.sealed = j.replica.Rules(f).Sealed(verdict.Intent{Content: content.Intent, Opened: content.Opened}); l.sealed {
		j.blind.sealed++
	}
}

// answered notes the round that an approval opens, or that nobody can tell
// whether it opens one.
func (j *Judge) answered(rec ledger.Record, derived []verdict.Derived) {
	if l := j.digest[trust.DigestIn(rec.Approval.GetIntentDigest())]; l != nil && len(j.blind.missed) > 0 {
		l.taken = true
	}
	j.called(derived)
}

// uncompared notes a recorded verdict that is taken as it is.
func (j *Judge) uncompared(f *ledger.Fold, l *life, p ledger.Position) {
	if l.sealed || l.told {
		return
	}
	l.told = true
	if j.blind.clear++; j.blind.clear == 1 {
		j.blind.first = at(f, RuleBlind, p, "", "")
	}
}

// untoldBlind says what was taken as recorded. Whoever was told what quorums
// decided and still cannot derive a verdict in the clear is kept from it by a
// sealed intent that nobody decided: an enforcer could hide anything behind it.
func (j *Judge) untoldBlind() {
	b := &j.blind
	if b.told && b.clear > 0 {
		b.first.Detail = fmt.Sprintf("verdicts on %d intents in the clear could not be derived again, this one the first: they may depend on sealed arguments on which no quorum decided in time", b.clear)
		j.find(b.first)
	}
	taken, inClear := b.sealed, ""
	if !b.told {
		taken += b.clear
	}
	if !b.told && b.clear > 0 {
		inClear = fmt.Sprintf(", %d of these in the clear", b.clear)
	}
	if taken > 0 {
		j.unjudged(fmt.Sprintf("verdicts on intents whose arguments are sealed, or that may depend on one of those: taken as recorded, %d of them%s", taken, inClear))
	}
}
