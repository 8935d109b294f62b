package drift

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// event is something that has happened, until it is settled. What happens again
// of the same rule, about the same, is counted.
type event struct {
	symptom
	logTime time.Time // when it was raised last
}

type eventKey struct {
	rule  string
	about about
}

// maxEvents bounds the events of one rule that are told apart. What comes beyond
// is one event about nothing in particular, which halts everything.
const maxEvents = 256

// raise notes that something has happened. A symptom without a position is
// anchored at the fold's.
func (w *Watch) raise(f *ledger.Fold, rule string, s symptom) {
	s.level, s.at = pb.Level_LEVEL_TRIP, max(s.at, f.Seq())
	key := eventKey{rule, s.about}
	held := w.raised[key]
	w.alarm = w.alarm || held == nil || !w.settings[rule].warnOnly
	if held != nil {
		held.more++
		held.logTime = f.LogTime()
		return
	}
	if w.count(rule) >= maxEvents {
		key.about, s.about = about{}, about{}
		if held := w.raised[key]; held != nil {
			held.more++
			return
		}
	}
	w.raised[key] = &event{symptom: s, logTime: f.LogTime()}
}

func (w *Watch) count(rule string) (n int) {
	for key := range w.raised {
		if key.rule == rule {
			n++
		}
	}
	return n
}

// events tells the events of a rule that are not settled. One of a rule that
// only warns is over after W.
func events(rule string) func(*Watch, moment) []symptom {
	return func(w *Watch, m moment) []symptom {
		var all []symptom
		for key, e := range w.raised {
			over := m.set.warnOnly && m.logTime.Sub(e.logTime) > m.release.Bounds.Memory
			if key.rule == rule && !over {
				all = append(all, e.symptom)
			}
		}
		return all
	}
}

// settle drops what a resume has answered: events for which a trip was lifted,
// and events of rules that only warn. An event that no trip was ever appended
// for stays, even if somebody resumes something else just then.
func (w *Watch) settle(gov *governance.State, lifted []governance.Halt) {
	for key, e := range w.raised {
		set := w.settings[key.rule]
		if set.warnOnly || answered(gov, set, key.rule, e.symptom, lifted) {
			delete(w.raised, key)
		}
	}
}

// answered reports whether a lifted trip was about a symptom: it named it, or it
// halted all that a trip of it would halt. After a restart the same events may be
// counted from another one on, so the subject alone does not tell.
func answered(gov *governance.State, set setting, rule string, s symptom, lifted []governance.Halt) bool {
	scopes := s.about.scopes(gov, set.scope)
	return slices.ContainsFunc(lifted, func(h governance.Halt) bool {
		if h.Rule != rule {
			return false
		}
		return h.Subject == s.subject || s.alike && !slices.ContainsFunc(scopes, func(scope *pb.Scope) bool { return !reaches(h.Scope, scope, gov.Zone()) })
	})
}

// otherHead judges governance.mismatch: heads on another chain have happened,
// heads that stay behind or ahead hold.
func otherHead(w *Watch, m moment) []symptom {
	return append(events(schemas.DriftGovernanceMismatch)(w, m), stayingHead(w, m)...)
}
