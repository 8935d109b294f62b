package sim

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// History is what a prefix of the ledger means by definition. It is computed
// from the first record every time, from the truth about each message, and
// shares nothing with the folds. Where PROTOCOL gives a rule, the field's
// comment names the section.
type History struct {
	LogTime time.Time // section 5

	Chain     []uint64 // sequences of the records that took effect; their number is the epoch (section 6)
	Halts     []Halt   // in force, oldest first
	Banned    map[string]bool
	Release   *pb.Release
	ReleaseID trust.Digest

	Beat      Beat      // the newest pulse that counts (section 5, S4)
	beatClock time.Time // the sentinel's clock in it

	Votes   []Vote
	Intents []Asked

	applied map[trust.Digest]bool
	whole   []uint64 // the chain of the whole ledger, to compare pulses' heads with
}

// Halt is a halt or a trip in force.
type Halt struct {
	ID    trust.Digest
	Scope *pb.Scope
}

// Beat is a pulse that counts. The zero Beat is none.
type Beat struct {
	Seq     uint64
	LogTime time.Time
	At      time.Duration // true time of the append
	Fault   bool          // it names a head that is not on this chain
}

// Vote is one enforcer's decision, of standing when it was recorded.
type Vote struct {
	By       string
	Digest   trust.Digest
	Decision *pb.Decision
}

// history reads the ledger up to a sequence, without what is hidden.
func (w *World) history(upTo uint64, hidden map[uint64]bool) *History {
	h := &History{Banned: map[string]bool{}, applied: map[trust.Digest]bool{}}
	if len(hidden) > 0 {
		h.whole = w.history(upTo, nil).Chain
	}
	for _, e := range w.entries[:upTo] {
		h.LogTime = later(h.LogTime, e.stamp)
		if !hidden[e.seq] {
			h.fold(e)
		}
	}
	return h
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Epoch is the number of records that took effect.
func (h *History) Epoch() uint64 { return uint64(len(h.Chain)) }

func (h *History) fold(e *entry) {
	switch e.truth.Kind { //nolint:exhaustive // nothing else means anything to a claim
	case schemas.KindGovernance:
		h.govern(e)
	case schemas.KindPulse:
		h.beat(e)
	case schemas.KindDecision:
		if h.standing(pb.Role_ROLE_ENFORCER, e.truth.By) {
			h.Votes = append(h.Votes, Vote{e.truth.By, trust.DigestOf(e.truth.Items[0]), e.truth.Decision})
		}
	case schemas.KindIntent:
		h.asked(e)
	}
}

func (h *History) standing(role pb.Role, name string) bool {
	if h.Release == nil || h.Banned[trusttest.ID(role, name).String()] {
		return false
	}
	return slices.ContainsFunc(h.Release.GetDirectory(), func(i *pb.Identity) bool { return i.GetRole() == role && i.GetName() == name })
}

// govern says which governance records take effect: section 6.
func (h *History) govern(e *entry) {
	id := trust.DigestOf(e.truth.Payload)
	if h.applied[id] || !h.takesEffect(e, id) {
		return
	}
	h.applied[id] = true
	h.Chain = append(h.Chain, e.seq)
}

func (h *History) takesEffect(e *entry, id trust.Digest) bool {
	switch r := e.truth.Record; {
	case r.GetGenesis() != nil:
		h.ReleaseID = id
		return len(h.Chain) == 0
	case r.GetHalt() != nil:
		h.Halts = append(h.Halts, Halt{id, r.GetHalt().GetScope()})
		return e.truth.Signers >= 1
	case r.GetTrip() != nil:
		if !h.standing(pb.Role_ROLE_SENTINEL, e.truth.By) {
			return false
		}
		h.Halts = append(h.Halts, Halt{id, r.GetTrip().GetScope()})
		return true
	case r.GetResume() != nil:
		return e.truth.Signers >= 2 && h.lift(r.GetResume().GetHalts())
	case r.GetRevoke() != nil:
		h.Banned[r.GetRevoke().GetSpiffeId()] = true
		return e.truth.Signers >= 1
	case r.GetRelease() != nil:
		return e.truth.Signers >= 2 && h.replace(r.GetRelease(), id)
	default:
		return false
	}
}

func (h *History) lift(ids [][]byte) bool {
	names := func(halt Halt) bool {
		return slices.ContainsFunc(ids, func(id []byte) bool { return digestOf(id) == halt.ID })
	}
	found := 0
	for _, halt := range h.Halts {
		if names(halt) {
			found++
		}
	}
	if found != len(ids) {
		return false
	}
	h.Halts = slices.DeleteFunc(h.Halts, names)
	return true
}

func (h *History) replace(p *pb.Release, id trust.Digest) bool {
	if p.GetVersion() != h.Release.GetVersion()+1 || digestOf(p.GetReplaces()) != h.ReleaseID || !validAt(p, h.LogTime) {
		return false
	}
	h.Release, h.ReleaseID = p, id
	return true
}

func validAt(p *pb.Release, t time.Time) bool {
	return p != nil && !t.Before(p.GetNotBefore().AsTime()) && t.Before(p.GetExpires().AsTime())
}

// beat says which pulses count: signed by the sentinel in standing, its clock
// near log time and later than in its pulse before.
func (h *History) beat(e *entry) {
	clock := e.truth.Pulse.GetClock().AsTime()
	if !h.standing(pb.Role_ROLE_SENTINEL, e.truth.By) || clock.Sub(h.LogTime).Abs() > maxSkew || !clock.After(h.beatClock) {
		return
	}
	h.beatClock = clock
	h.Beat = Beat{e.seq, h.LogTime, e.at, !h.onChain(e.truth.Pulse.GetHead().GetNumber())}
}

// onChain reports whether head number n of the whole ledger is one of this
// history.
func (h *History) onChain(n uint64) bool {
	if n > h.Epoch() {
		return false
	}
	return h.whole == nil || slices.Equal(h.whole[:n], h.Chain[:n])
}

// Halted reports whether a halt in force covers what a decision is about.
func (h *History) Halted(agent, session, tool string) bool {
	for _, halt := range h.Halts {
		if coversAll(halt.Scope, agent, session, tool) {
			return true
		}
	}
	return false
}

func coversAll(s *pb.Scope, agent, session, tool string) bool {
	switch s.GetKind() { //nolint:exhaustive // a scope of no kind is never made here
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		return s.GetValue() == tool
	case pb.ScopeKind_SCOPE_KIND_AGENT:
		return s.GetValue() == agent
	case pb.ScopeKind_SCOPE_KIND_SESSION:
		return s.GetValue() == agent && s.GetSession() == session
	default:
		return true
	}
}

// Authority is a decision that a quorum of enforcers has signed, byte for byte,
// on exactly this action, ALLOW, in this epoch; nil if there is none.
func (h *History) Authority(act trust.Digest, threshold int) *pb.Decision {
	for _, v := range h.Votes {
		d := v.Decision
		if digestOf(d.GetIntentDigest()) != act || d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || d.GetEpoch() != h.Epoch() {
			continue
		}
		by := map[string]bool{}
		for _, other := range h.Votes {
			if other.Digest == v.Digest {
				by[other.By] = true
			}
		}
		if len(by) >= threshold {
			return d
		}
	}
	return nil
}

// Asked is an intent and the verdict that section 7 gives on it.
type Asked struct {
	Position ledger.Position
	Digest   trust.Digest
	Agent    string // SPIFFE ID of the signer
	LogTime  time.Time
	Decided  bool // false for a re-send: it gets no decision
	Allowed  bool
	Why      string // for people: the first reason against it

	session  string
	sequence uint64 // it became the session's newest; 0 if it did not
	seen     time.Time
	amount   int64 // what it takes from the limit
}
