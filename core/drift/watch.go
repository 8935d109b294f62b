package drift

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Self is one start of one sentinel's process.
type Self struct {
	ID          trust.Identity
	Incarnation [16]byte
}

// Watch is what one sentinel knows of its zone. It belongs to one goroutine, or
// to whoever holds the lock that also guards the fold. Make one with NewWatch,
// before the first record of a feed.
type Watch struct {
	self     Self
	ownHeard time.Time // when its own heartbeat was heard last

	release  trust.Digest // that the settings are of
	settings map[string]setting
	beaters  []expected        // of the same release
	trips    []governance.Halt // in force at the newest governance record

	roster  map[trust.Identity]*member
	raised  map[eventKey]*event
	alarm   bool // an event was raised since Alarm was asked
	claims  claims
	ballots ballots
	states  states
	trees   trees
	times   timeline
}

// NewWatch has seen nothing.
func NewWatch(self Self) *Watch {
	return &Watch{
		self:    self,
		roster:  make(map[trust.Identity]*member),
		raised:  make(map[eventKey]*event),
		claims:  newClaims(),
		ballots: newBallots(),
		states:  newStates(),
		trees:   newTrees(0),
	}
}

// Record takes an authentic record at which the fold has just arrived; items
// are its own, as Read gave them.
func (w *Watch) Record(f *ledger.Fold, rec ledger.Record, items Items) {
	w.meet(f)
	w.begin(f, rec.Seq)
	w.times.add(rec.Seq, f.LogTime(), w.settings[schemas.DriftLagExceeded].threshold)
	w.claims.expire(f)
	w.ballots.expire(f)
	if rec.Skipped || rec.Unauthenticated {
		return
	}
	switch rec.Kind {
	case schemas.KindGovernance:
		w.governed(f, rec)
	case schemas.KindDecision:
		w.decided(f, rec, items.decisions)
	case schemas.KindClaim:
		w.claimed(f, rec)
	case schemas.KindOutcome:
		w.reported(f, rec, items.outcomes)
	case schemas.KindPulse:
		w.pulsed(f, rec)
	case schemas.KindUnknown, schemas.KindIntent, schemas.KindCredential, schemas.KindApproval, schemas.KindHeartbeat,
		schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
	}
}

// meet takes the settings of a release that has come into force, and forgets
// who is no longer part of the zone.
func (w *Watch) meet(f *ledger.Fold) {
	gov := f.Governance()
	release := gov.Release()
	if release == nil || release.Digest == w.release {
		return
	}
	w.lapse(f)
	w.release, w.settings, w.beaters = release.Digest, settingsOf(release), w.beatersOf(gov)
	w.dismiss(gov)
}

// lapse drops the events that are over, before a release may weigh them anew.
func (w *Watch) lapse(f *ledger.Fold) {
	for key, e := range w.raised {
		if w.settings[key.rule].warnOnly && f.LogTime().Sub(e.logTime) > f.Governance().Release().Bounds.Memory {
			delete(w.raised, key)
		}
	}
}

// governed settles events by a resume, and forgets who was revoked.
func (w *Watch) governed(f *ledger.Fold, rec ledger.Record) {
	gov := f.Governance()
	before := w.trips
	w.trips = trips(gov)
	switch rec.Effect.Record.GetRecord().(type) {
	case *pb.Governance_Resume:
		lifted := slices.DeleteFunc(slices.Clone(before), func(h governance.Halt) bool {
			return slices.ContainsFunc(w.trips, func(o governance.Halt) bool { return o.ID == h.ID })
		})
		w.settle(gov, lifted)
		w.answerFor(f, lifted)
		w.claims.settle(w, gov, f.LogTime(), lifted)
	case *pb.Governance_Revoke:
		w.dismiss(gov)
	case *pb.Governance_Loss:
		w.trees = newTrees(gov.Head().Number) // another tree begins
	default:
	}
}

// trips are the halts in force that sentinels raised.
func trips(gov *governance.State) []governance.Halt {
	return slices.DeleteFunc(gov.Halts(), func(h governance.Halt) bool { return h.Rule == "" })
}

// pulsed compares what a pulse names.
func (w *Watch) pulsed(f *ledger.Fold, rec ledger.Record) {
	if fault := f.Pulse().Fault; fault != nil {
		w.raise(f, schemas.DriftGovernanceMismatch, symptom{
			subject: rec.Signer.ID.String(), about: about{participant: rec.Signer.ID}, at: rec.Seq, since: f.LogTime(),
			detail: "its pulse contradicts this chain: " + fault.Error(),
		})
	}
	// A pulse that was made before a loss took effect names the old tree.
	if head := rec.Pulse.GetCheckpoint(); head != nil && rec.Pulse.GetHead().GetNumber() >= w.trees.since {
		w.compareTree(f, rec.Signer.ID.String(), head, true)
	}
}

// Findings says what drifts: trips first, then by rule and subject. It changes
// nothing.
func (w *Watch) Findings(f *ledger.Fold, now time.Time) []Finding {
	gov := f.Governance()
	release := gov.Release()
	if release == nil || release.Digest != w.release {
		return nil // it was told of no record yet
	}
	var all []Finding
	for _, r := range rules {
		set := w.settings[r.name]
		m := moment{gov: gov, release: release, set: set, logTime: f.LogTime(), deaf: w.deaf(release, now)}
		all = append(all, weigh(r.name, set, gov, r.judge(w, m))...)
	}
	slices.SortFunc(all, order)
	return all
}

// Alarm reports whether an event was raised since it was asked last: findings
// are worth looking at now, not at the next tick.
func (w *Watch) Alarm() bool {
	alarm := w.alarm
	w.alarm = false
	return alarm
}
