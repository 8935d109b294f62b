package drift

import (
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// overtaken is how many heartbeats of an incarnation make a clone, each of which
// comes after one of an incarnation that was heard later. One alone may be the
// last bytes of a process that was killed, and so may many in a row.
const overtaken = 2

// live follows the incarnations of a participant and reports whether the
// heartbeat is of the newest that lives. At is what lifeOf says of it.
func (w *Watch) live(f *ledger.Fold, m *member, at int, beat *pb.Heartbeat, limit time.Duration) (newest bool) {
	if at < 0 {
		m.born(beat)
		return true
	}
	w.regressed(f, m, m.lives[at], beat)
	w.diverged(f, m, m.lives[at], beat)
	m.lives[at].take(beat, m.heard)
	last := len(m.lives) - 1
	if m.heard.Sub(m.lives[last].heard) > limit { // the newer one has died
		survivor := m.lives[at]
		m.lives = append(slices.Delete(m.lives, at, at+1), survivor)
		at = last
	}
	l := &m.lives[at]
	turn := m.speaks != l.incarnation
	m.speaks = l.incarnation
	if at == last || !turn {
		return at == last
	}
	if l.overtaken++; l.overtaken >= overtaken {
		l.overtaken = 0
		w.raiseAbout(f, schemas.DriftHeartbeatClone, m, fmt.Sprintf("incarnations %x and %x beat by turns", l.incarnation[:4], m.lives[last].incarnation[:4]))
	}
	return false
}

// born notes a new incarnation.
func (m *member) born(beat *pb.Heartbeat) {
	var l life
	copy(l.incarnation[:], beat.GetIncarnation())
	l.take(beat, m.heard)
	m.lives = append(m.lives, l)
	m.lives = m.lives[max(0, len(m.lives)-maxLives):]
	m.speaks = l.incarnation
}

func (l *life) take(beat *pb.Heartbeat, heard time.Time) {
	l.heard = heard
	if l.started == 0 && beat.GetStarted() {
		l.started = max(beat.GetPosition(), 1)
	}
	l.proceed(toldBy(beat))
	l.epoch, l.position, l.divergences = beat.GetEpoch(), beat.GetPosition(), beat.GetDivergences()
}

// regressed raises heartbeat.regress: within one incarnation the counter grows,
// and epoch and position never go back.
func (w *Watch) regressed(f *ledger.Fold, m *member, before life, beat *pb.Heartbeat) {
	detail := ""
	switch {
	case beat.GetCounter() <= before.newest.counter:
		detail = fmt.Sprintf("counter %d after %d", beat.GetCounter(), before.newest.counter)
	case !beat.GetStarted(): // it reads the ledger again
		return
	case beat.GetEpoch() < before.epoch:
		detail = fmt.Sprintf("epoch %d after %d", beat.GetEpoch(), before.epoch)
	case beat.GetPosition() < before.position:
		detail = fmt.Sprintf("position %d after %d", beat.GetPosition(), before.position)
	default:
		return
	}
	w.raiseAbout(f, schemas.DriftHeartbeatRegress, m, detail)
}

// diverged raises decision.divergence where a participant has counted further
// decisions that differ from its own, unless governors have answered for the
// newest of them before the heartbeat came.
func (w *Watch) diverged(f *ledger.Fold, m *member, before life, beat *pb.Heartbeat) {
	known := beat.GetDivergedAt() > 0 && beat.GetDivergedAt() <= m.answered
	if known || beat.GetDivergences() <= before.divergences {
		return
	}
	s := m.divergence(f)
	s.detail = fmt.Sprintf("%d recorded decisions differ from its own, %d before", beat.GetDivergences(), before.divergences)
	w.raise(f, schemas.DriftDecisionDivergence, s)
}

// divergence is the symptom that a participant counts differing decisions.
func (m *member) divergence(f *ledger.Fold) symptom {
	s := m.symptom(f)
	s.alike = true
	return s
}

// symptom is one of a participant now.
func (m *member) symptom(f *ledger.Fold) symptom {
	return symptom{subject: m.id.String(), about: about{participant: m.id}, since: f.LogTime()}
}

// answerFor notes for whom a resume has answered what was counted so far, or could have been: the
// sentinel may have seen it first. What comes after it counts from nothing.
func (w *Watch) answerFor(f *ledger.Fold, lifted []governance.Halt) {
	gov := f.Governance()
	for _, m := range w.roster {
		if answered(gov, w.settings[schemas.DriftDecisionDivergence], schemas.DriftDecisionDivergence, m.divergence(f), lifted) {
			m.answered = f.Seq()
		}
		if answered(gov, w.settings[schemas.DriftHeartbeatClone], schemas.DriftHeartbeatClone, m.symptom(f), lifted) {
			for i := range m.lives {
				m.lives[i].overtaken = 0
			}
		}
	}
}

// raiseAbout raises an event about a participant.
func (w *Watch) raiseAbout(f *ledger.Fold, rule string, m *member, detail string) {
	s := m.symptom(f)
	s.detail = detail
	w.raise(f, rule, s)
}
