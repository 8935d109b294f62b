package drift

import (
	"errors"
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// otherRelease is the release that a heartbeat names, if it is not the one in
// force. A participant that still reads its ledger may be behind.
func (*member) otherRelease(release *governance.Release, beat *pb.Heartbeat) string {
	named, _ := trust.DigestFrom(beat.GetRelease())
	if !beat.GetStarted() || named == release.Digest {
		return ""
	}
	return named.String()
}

// compareHead compares the governance head that a heartbeat names. Another chain
// is drift at once. To be behind or ahead is only drift if it lasts, for
// heartbeats are not ordered with the chain.
func (w *Watch) compareHead(f *ledger.Fold, m *member, beat *pb.Heartbeat, received time.Time) {
	gov, named := f.Governance(), beat.GetHead()
	err := gov.CheckHead(named)
	switch {
	case errors.Is(err, governance.ErrForked) && named.GetNumber() > 0:
		w.raiseAbout(f, schemas.DriftGovernanceMismatch, m, "its heartbeat names a head that is not on this chain: "+err.Error())
		m.head.note("", received)
	case !beat.GetStarted() || named.GetNumber() == gov.Head().Number && err == nil:
		m.head.note("", received)
	default:
		m.head.note(fmt.Sprintf("head %d", named.GetNumber()), received)
	}
}

// otherRelease judges release.mismatch: a participant names one and the same
// other release for longer than the threshold.
func otherRelease(w *Watch, m moment) []symptom {
	return w.staying(m, func(one *member) (streak, string) {
		return one.release, fmt.Sprintf("it holds release %.12s, in force is release %d (%s)", one.release.what, m.release.Proto.GetVersion(), m.release.Digest.Short())
	})
}

// stayingHead judges heads that stay behind or ahead.
func stayingHead(w *Watch, m moment) []symptom {
	return w.staying(m, func(one *member) (streak, string) {
		return one.head, fmt.Sprintf("it stays at governance %s, here it is %d", one.head.what, m.gov.Head().Number)
	})
}

// staying judges streaks that may last as long as the rule's threshold; it warns
// at half of it.
func (w *Watch) staying(m moment, of func(*member) (streak, string)) []symptom {
	var all []symptom
	for _, one := range w.heardNow(m) {
		s, detail := of(one)
		if s.what == "" || s.lasts() < m.set.threshold/2 {
			continue
		}
		level := pb.Level_LEVEL_WARN
		if s.lasts() > m.set.threshold {
			level = pb.Level_LEVEL_TRIP
		}
		all = append(all, symptom{
			level: level, subject: one.id.String(), about: about{participant: one.id}, since: s.since,
			detail: fmt.Sprintf("%s, for %v", detail, s.lasts().Round(time.Millisecond)),
		})
	}
	return all
}
