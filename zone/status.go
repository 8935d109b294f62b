package zone

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// Status is a zone at a glance. What is not known is not well: whoever was not
// heard is silent, and a fabric that cannot be seen to be armed is not.
type Status struct {
	At       time.Time // of this machine
	Unarmed  []string  // why nothing would be done now; empty when armed
	Ledger   trust.Digest
	Position uint64
	LogTime  time.Time
	Release  *governance.Release // nil before the first
	Head     governance.Head     // its number is the epoch
	Halts    []governance.Halt   // in force, oldest first
	Last     HaltRecorded        // the newest ever
	Sealed   bool                // the ledger has ended
	Pulse    Pulse

	Participants []Participant
	Findings     []Finding
	Waiting      int // intents that wait for approval
	Evidence     Evidence
}

// Finding is what a sentinel says drifts.
type Finding struct {
	*pb.Finding
	By   trust.Identity
	Beat time.Time // when the heartbeat that says so came
}

// Participant is one of the directory who is expected to beat.
type Participant struct {
	ID     trust.Identity
	Beat   *pb.Heartbeat // the newest; nil: nothing was heard
	Heard  time.Time     // when it came, this machine's clock
	Behind uint64        // positions that it had not folded when that came
	Fault  string        // why its records do not count; "" if they do
	Silent bool          // no heartbeat within the last three intervals
}

// silentAfter is how many intervals without a heartbeat are silence.
const silentAfter = 3

// Status puts together what the observer knows, as long as it reads the ledger.
func (o *Observer) Status(ctx context.Context) (Status, error) {
	if o.Ended() {
		return Status{}, o.ended() // what is known grows old
	}
	beats := o.Beats()
	last, err := o.LastHalt(ctx)
	if err != nil {
		return Status{}, err
	}
	note, err := o.newestCheckpoint(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{At: o.f.Clock(), Last: last}
	o.Look(func(f *ledger.Fold) {
		gov := f.Governance()
		s.Ledger, s.Position, s.LogTime = gov.Ledger(), f.Seq(), f.LogTime()
		s.Release, s.Head, s.Halts, s.Pulse = gov.Release(), gov.Head(), gov.Halts(), o.pulse
		s.Sealed = gov.Sealed()
		if s.Release != nil {
			s.Participants = o.participants(f, beats)
			s.Waiting = o.pending(f)
		}
	})
	s.Findings = findings(s.Participants)
	s.Evidence = s.evidence(note)
	s.Unarmed = s.unarmed()
	return s, nil
}

func (o *Observer) pending(f *ledger.Fold) (n int) {
	if o.waiting == nil {
		return 0
	}
	for _, w := range o.waiting.list(f, o.f.Clock()) {
		if w.Pending() {
			n++
		}
	}
	return n
}

// participants joins the directory with what was heard, by role and name. It is
// called with mu held.
func (o *Observer) participants(f *ledger.Fold, beats []heartbeat.Seen) []Participant {
	release := f.Governance().Release()
	var all []Participant
	for _, entry := range release.Proto.GetDirectory() {
		if !schemas.KindHeartbeat.MayWrite(entry.GetRole()) {
			continue
		}
		p := Participant{ID: trust.Identity{TrustDomain: o.f.TrustDomain, Zone: o.f.Zone, Role: entry.GetRole(), Name: entry.GetName()}, Silent: true}
		if i := slices.IndexFunc(beats, func(s heartbeat.Seen) bool { return s.From == p.ID }); i >= 0 {
			p.Beat, p.Heard, p.Behind = beats[i].Beat, beats[i].Received, o.behind[p.ID]
			p.Silent = time.Since(p.Heard) > silentAfter*release.Bounds.HeartbeatInterval
			p.Fault = o.fault(f, p.ID)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Participant) int { return compareIdentities(a.ID, b.ID) })
	return all
}

// fault says why what a participant signs does not count.
func (o *Observer) fault(f *ledger.Fold, id trust.Identity) string {
	cred, known := o.creds[id]
	if !known {
		return "its credential does not stand on the ledger"
	}
	if reason, ok := f.Standing(cred); !ok {
		return schemas.ReasonCode(reason)
	}
	return ""
}

func findings(participants []Participant) []Finding {
	var all []Finding
	for _, p := range participants {
		if p.Silent || p.Fault != "" {
			continue // what it said may long be over
		}
		for _, f := range p.Beat.GetFindings() {
			all = append(all, Finding{f, p.ID, p.Heard})
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return int(b.GetLevel()) - int(a.GetLevel()) })
	return all
}

// unarmed lists what stands against acting anywhere in the zone. A halt of a
// part of it does not: the other parts go on.
func (s *Status) unarmed() (why []string) {
	if s.Release == nil {
		return []string{"no release is in force"}
	}
	if !s.Release.ValidAt(s.At) || !s.Release.ValidAt(s.LogTime) {
		why = append(why, fmt.Sprintf("release %d is not valid now", s.Release.Proto.GetVersion()))
	}
	if s.Sealed {
		why = append(why, "the ledger is sealed: nothing is allowed on it any more")
	}
	for _, h := range s.Halts {
		if Blanket(h.Scope) {
			why = append(why, fmt.Sprintf("halted: %s (%s)", governance.ScopeString(h.Scope), h.ID.Short()))
		}
	}
	why = append(why, s.pulseFault()...)
	return append(why, s.missing()...)
}

// Blanket reports whether a halt of this scope stops the whole zone.
func Blanket(scope *pb.Scope) bool {
	switch scope.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_TOOL, pb.ScopeKind_SCOPE_KIND_AGENT, pb.ScopeKind_SCOPE_KIND_SESSION, pb.ScopeKind_SCOPE_KIND_DRILL:
		return false
	case pb.ScopeKind_SCOPE_KIND_GLOBAL, pb.ScopeKind_SCOPE_KIND_ZONE, pb.ScopeKind_SCOPE_KIND_UNSPECIFIED:
		return true
	default:
		return true
	}
}

func (s *Status) pulseFault() []string {
	bounds := s.Release.Bounds
	switch {
	case s.Pulse.Seq == 0:
		return []string{"no pulse was seen; is a sentinel running?"}
	case s.Pulse.Fault != nil:
		return []string{fmt.Sprintf("the newest pulse: %v", s.Pulse.Fault)}
	case s.At.Sub(s.Pulse.Time) > bounds.PulseLimit+bounds.MaxClockSkew, s.LogTime.Sub(s.Pulse.Time) > bounds.PulseLimit:
		return []string{"the newest pulse is too old; is a sentinel running?"}
	default:
		return nil
	}
}

// missing says of which role too few are heard and ready.
func (s *Status) missing() (why []string) {
	ready := map[pb.Role]int{}
	for _, p := range s.Participants {
		if p.Ready() {
			ready[p.ID.Role]++
		}
	}
	for _, need := range []struct {
		role pb.Role
		many int
	}{
		{pb.Role_ROLE_ENFORCER, int(s.Release.Proto.GetDecisionThreshold())},
		{pb.Role_ROLE_EXECUTOR, 1},
		{pb.Role_ROLE_SENTINEL, 1},
	} {
		if ready[need.role] < need.many {
			why = append(why, fmt.Sprintf("%d %s ready, %d needed", ready[need.role], trust.RoleName(need.role), need.many))
		}
	}
	return why
}

// Ready reports whether a participant was heard lately, says that it is armed,
// and counts.
func (p Participant) Ready() bool { return p.State() == "armed" }

// State is a participant's state in a word: armed, disarmed, starting, silent, or
// ignored when what it signs does not count.
func (p Participant) State() string {
	switch {
	case p.Silent || p.Beat == nil:
		return "silent"
	case p.Fault != "":
		return "ignored"
	case p.Beat.GetDisarmed() != "":
		return "disarmed"
	case !p.Beat.GetStarted():
		return "starting"
	default:
		return "armed"
	}
}

// Why says why a participant is disarmed or ignored; "" for other states.
func (p Participant) Why() string {
	switch p.State() {
	case "ignored":
		return p.Fault
	case "disarmed":
		return p.Beat.GetDisarmed()
	default:
		return ""
	}
}

// InForce reports whether a halt is in force.
func (s *Status) InForce(id trust.Digest) bool {
	return slices.ContainsFunc(s.Halts, func(h governance.Halt) bool { return h.ID == id })
}

// compareIdentities orders by role, then by name.
func compareIdentities(a, b trust.Identity) int {
	return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
}
