package drift

import (
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// member is a participant that was heard.
type member struct {
	id    trust.Identity
	heard time.Time     // by the sentinel's clock
	fresh bool          // heard since the sentinel was deaf last
	limit time.Duration // the silence that it was allowed when it was heard

	lives    []life   // the newest last; at most maxLives
	speaks   [16]byte // the incarnation that beat last
	answered uint64   // stream sequence of the newest resume that answers for divergences it counts

	// What its newest heartbeats say, for as long as they say the same.
	head    streak // it names another governance head
	release streak // it names another release
	build   streak // its build or configuration is not attested
	clock   clock
	lag     lag
	reports []*pb.Finding // what it found itself, of whatever rule
	started bool          // it has read its ledger to the end
	read    uint64        // position of the ledger that it had read when it said so
}

// life is one incarnation of a participant, as its newest heartbeat told.
type life struct {
	incarnation                  [16]byte
	newest                       told
	gaps                         []gap // of what was not heard before the newest, ascending; at most maxGaps
	epoch, position, divergences uint64
	started                      uint64 // its position when it was first heard to have read the ledger; 0 before
	heard                        time.Time
	overtaken                    int // heartbeats that came after one of a newer incarnation
}

// maxLives bounds the incarnations of one participant that are remembered.
const maxLives = 8

// streak is how long heartbeats have said the same wrong thing. The zero value
// is that they do not.
type streak struct {
	what  string
	since time.Time // by the sentinel's clock
	last  time.Time
}

// note takes what a heartbeat says; "" is nothing wrong.
func (s *streak) note(what string, at time.Time) {
	if what != s.what {
		*s = streak{what: what, since: at}
	}
	s.last = at
}

func (s *streak) lasts() time.Duration { return s.last.Sub(s.since) }

// Heartbeat takes a heartbeat as (*ledger.Fold).Heartbeat read it, stored by the
// broker and received by the sentinel at these times. One of a participant
// without standing counts for nothing, as its records do; but for one whose build
// the directory does not list, which is drift of its own.
func (w *Watch) Heartbeat(f *ledger.Fold, beat *pb.Heartbeat, from trust.Credential, stored, received time.Time) {
	w.meet(f)
	reason, ok := f.Standing(from)
	if !ok && reason != pb.Reason_REASON_NOISE_BUILD {
		return
	}
	release := f.Governance().Release()
	m := w.roster[from.ID]
	if m == nil {
		m = &member{id: from.ID}
		w.roster[from.ID] = m
	}
	at := m.lifeOf(beat)
	if at >= 0 && w.old(f, m, &m.lives[at], beat) {
		return
	}
	if from.ID == w.self.ID && string(beat.GetIncarnation()) == string(w.self.Incarnation[:]) {
		w.hearSelf(release, received)
	}
	m.heard, m.fresh, m.limit = received, true, silenceLimit(release, w.settings[schemas.DriftHeartbeatMissing])
	if newest := w.live(f, m, at, beat, m.limit); !newest {
		return
	}
	w.compareState(f, m, beat)
	w.compareHead(f, m, beat, received)
	m.reports, m.read, m.started = beat.GetFindings(), beat.GetPosition(), beat.GetStarted()
	m.release.note(m.otherRelease(release, beat), received)
	m.build.note(m.unattested(f, release, beat, from), received)
	m.clock.note(release, w.settings[schemas.DriftClockSkew].threshold, beat.GetClock().AsTime(), stored, received)
	m.lag.note(m.behind(w, beat, stored), w.settings[schemas.DriftLagExceeded].threshold, received)
}

// lifeOf is the index of a heartbeat's incarnation; negative if it was not heard.
func (m *member) lifeOf(beat *pb.Heartbeat) int {
	return slices.IndexFunc(m.lives, func(l life) bool { return string(l.incarnation[:]) == string(beat.GetIncarnation()) })
}

// hearSelf ends a deafness: what was heard before it tells nothing about now.
func (w *Watch) hearSelf(release *governance.Release, at time.Time) {
	if at.Sub(w.ownHeard) > w.patience(release) {
		for _, m := range w.roster {
			*m = member{id: m.id, heard: at, limit: m.limit, lives: m.lives, speaks: m.speaks, answered: m.answered}
		}
	}
	w.ownHeard = at
}

// patience is how long a sentinel may miss its own heartbeats before it is deaf:
// half of what others may be silent for.
func (w *Watch) patience(release *governance.Release) time.Duration {
	return silenceLimit(release, w.settings[schemas.DriftHeartbeatMissing]) / 2
}

func silenceLimit(release *governance.Release, set setting) time.Duration {
	return time.Duration(set.intervals) * release.Bounds.HeartbeatInterval
}

// deaf reports whether heartbeats tell nothing now: not even its own comes back.
func (w *Watch) deaf(release *governance.Release, now time.Time) bool {
	return w.ownHeard.IsZero() || now.Sub(w.ownHeard) > w.patience(release)
}

// heardNow returns the members whose newest heartbeats tell what is now, in any
// order: all that are not silent for too long, none while the sentinel is deaf.
func (w *Watch) heardNow(m moment) []*member {
	if m.deaf {
		return nil
	}
	limit := silenceLimit(m.release, w.settings[schemas.DriftHeartbeatMissing])
	var all []*member
	for _, one := range w.roster {
		if one.fresh && w.ownHeard.Sub(one.heard) <= limit {
			all = append(all, one)
		}
	}
	return all
}

// dismiss forgets who left the directory or was revoked.
func (w *Watch) dismiss(gov *governance.State) {
	for id := range w.roster {
		if _, enrolled := gov.Release().Identity(id); !enrolled || gov.RevokedID(id.String()) {
			delete(w.roster, id)
		}
	}
}

// Waiting says whom the sentinel must hear before it may say that all is well:
// itself, and every required participant, since it began to hear. Of a recorder
// it must hear that it has compared the whole ledger with what it signed. It is ""
// when it waits for nobody.
func (w *Watch) Waiting(f *ledger.Fold, now time.Time) string {
	gov := f.Governance()
	release := gov.Release()
	switch {
	case release == nil:
		return "no release is in force"
	case release.Digest != w.release || w.deaf(release, now):
		return "waiting for its own heartbeat"
	}
	var names []string
	for _, one := range w.beaters {
		m := w.roster[one.Identity]
		ready := m != nil && m.fresh && (m.started || one.Role != pb.Role_ROLE_RECORDER)
		if one.required && !ready && !gov.RevokedID(one.spiffe) {
			names = append(names, one.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	rest := ""
	if more := len(names) - maxNamed; more > 0 {
		names, rest = names[:maxNamed], " and others"
	}
	return "waiting for " + strings.Join(names, ", ") + rest
}

const maxNamed = 8

// expected is a participant whose heartbeats this sentinel listens for.
type expected struct {
	trust.Identity
	spiffe   string
	required bool
}

// beatersOf lists the other participants of a directory that beat, in its order.
func (w *Watch) beatersOf(gov *governance.State) []expected {
	var all []expected
	for _, p := range gov.Release().Proto.GetDirectory() {
		id := trust.Identity{TrustDomain: gov.TrustDomain(), Zone: gov.Zone(), Role: p.GetRole(), Name: p.GetName()}
		if schemas.KindHeartbeat.MayWrite(id.Role) && id != w.self.ID {
			all = append(all, expected{id, id.String(), p.GetRequired()})
		}
	}
	return all
}
