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
// from the first record, from the truth about each message, and shares nothing
// with the folds. Where PROTOCOL gives a rule, the field's comment names the
// section.
type History struct {
	LogTime time.Time // section 5

	Chain     []Link // the records that took effect; their number is the epoch (section 6)
	Halts     []Halt // in force, oldest first
	Banned    map[string]bool
	Release   *pb.Release
	ReleaseID trust.Digest

	Beat      Beat      // the newest pulse that counts (section 5, S4)
	beatClock time.Time // the sentinel's clock in it

	Votes []Vote

	// Verdicts that section 7 gives, where somebody asks for them; the ledger's own
	// history only.
	Intents []*Asked
	Points  map[ledger.Position]Point
	charges []charged

	applied map[trust.Digest]bool
	broken  bool   // a span has told this reader that it was shown another ledger
	whole   []Link // the chain of the whole ledger, to compare pulses' heads with
	reader  *node  // whose history it is; nil for the ledger's own
}

// Link is a governance record that took effect.
type Link struct {
	Seq uint64
	ID  trust.Digest
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
	Fault   bool          // it names a head that is not on this chain, or a span tells of a lie
}

func newHistory(reader *node) *History {
	return &History{
		Banned: map[string]bool{}, applied: map[trust.Digest]bool{}, Points: map[ledger.Position]Point{}, reader: reader,
	}
}

// told is what the whole ledger means now. It goes on where it was before: the
// ledger only grows.
func (w *World) told() *History {
	for ; w.toldTo < w.last(); w.toldTo++ {
		w.tale.take(w.entries[w.toldTo])
	}
	return w.tale
}

// history is what the ledger up to a sequence means to the node that reads it:
// what it was shown of it since where it began, and of governance and
// credentials before.
func (w *World) history(upTo uint64, n *node) *History {
	h := newHistory(n)
	if n.victim {
		h.whole = w.chain(upTo)
	}
	for _, e := range w.entries[:upTo] {
		if e.seq >= n.from || e.truth.Kind == schemas.KindGovernance || e.truth.Kind == schemas.KindCredential {
			h.take(n.saw(e))
		}
	}
	return h
}

// chain is the whole ledger's, up to a sequence.
func (w *World) chain(upTo uint64) []Link {
	all := w.told().Chain
	n := slices.IndexFunc(all, func(l Link) bool { return l.Seq > upTo })
	if n < 0 {
		return all
	}
	return all[:n]
}

func (h *History) take(e *entry) {
	h.LogTime = later(h.LogTime, e.stamp)
	h.fold(e)
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
			h.vote(Vote{e.truth.By, trust.DigestOf(e.truth.Items[0]), e.truth.Decision})
		}
	case schemas.KindIntent:
		if h.reader == nil {
			h.asked(e)
		}
	case schemas.KindApproval:
		if h.reader == nil {
			h.answered(e)
		}
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
	if !isDrill(e.truth.Record) {
		h.Chain = append(h.Chain, Link{e.seq, id})
	}
}

func isDrill(r *pb.Governance) bool {
	return r.GetHalt().GetScope().GetKind() == pb.ScopeKind_SCOPE_KIND_DRILL
}

func (h *History) takesEffect(e *entry, id trust.Digest) bool {
	switch r := e.truth.Record; {
	case r.GetGenesis() != nil:
		h.ReleaseID = id
		return len(h.Chain) == 0
	case isDrill(r):
		return e.truth.Signers >= 1
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
		return slices.ContainsFunc(ids, func(id []byte) bool { return trust.DigestIn(id) == halt.ID })
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
	if p.GetVersion() != h.Release.GetVersion()+1 || trust.DigestIn(p.GetReplaces()) != h.ReleaseID || !validAt(p, h.LogTime) {
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
	h.broken = h.broken || h.reader != nil && h.reader.covers(e.truth.Pulse)
	h.Beat = Beat{e.seq, h.LogTime, e.at, h.broken || !h.onChain(e.truth.Pulse.GetHead().GetNumber())}
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
