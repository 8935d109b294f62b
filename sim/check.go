package sim

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Invariant is a promise of PROTOCOL section 9.
type Invariant string

// The invariants.
const (
	S1   Invariant = "S1"   // every act has authority at its claim
	S2   Invariant = "S2"   // at most one act an intent
	S3   Invariant = "S3"   // no start later than B after a halt
	S3L  Invariant = "S3'"  // nor than pulse limit + B with a lying broker
	S4   Invariant = "S4"   // no start later than pulse limit + B after the last pulse
	S5   Invariant = "S5"   // verdicts equal, byte for byte
	V7   Invariant = "V7"   // and they are those that section 7 defines
	L1   Invariant = "L1"   // an allowed intent is executed once all is well
	Twin Invariant = "twin" // the twin of the book is its twin: the simulator's own
)

// Failure is a broken invariant.
type Failure struct {
	Invariant Invariant
	Detail    string
	Step      int
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s broken at step %d: %s", f.Invariant, f.Step, f.Detail)
}

func (w *World) fail(i Invariant, format string, args ...any) {
	if w.failure != nil {
		return
	}
	w.failure = &Failure{Invariant: i, Detail: fmt.Sprintf(format, args...)}
	w.logf("BROKEN %s: %s", i, w.failure.Detail)
}

// Act is the start of one action.
type Act struct {
	By     string
	Intent trust.Digest
	Claim  ledger.Position
	At     time.Duration // true time
}

// acted checks everything that is promised of a start, when it happens. The
// ledger only grows, so what holds then holds for good.
func (w *World) acted(x *executor, r *readyAct) {
	act := Act{x.node.name, trust.DigestOf(r.intent), r.ruling.Position, w.now}
	w.logf("ACT of %s on %s by claim %s", act.By, ledger.PositionOf(r.ruling.Decision.GetIntent()), act.Claim)
	for _, before := range w.acts {
		if before.Intent == act.Intent {
			w.fail(S2, "%s acts by claim %s on what %s did by claim %s", act.By, act.Claim, before.By, before.Claim)
		}
	}
	w.acts = append(w.acts, act)
	bound := time.Duration(int64(startBound) * 1000 / x.node.rate) // of true time, by this node's clock
	d := w.checkAuthority(x, act)
	w.checkHalts(x, act, d, bound)
	w.checkPulse(act, bound)
}

// checkAuthority is S1, at the position of the claim, in what the executor was
// shown of the ledger.
func (w *World) checkAuthority(x *executor, act Act) *pb.Decision {
	claim := w.entries[act.Claim.Seq-1]
	h := w.history(act.Claim.Seq-1, x.node.hidden)
	h.LogTime = later(h.LogTime, claim.stamp)
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			w.fail(S1, "%s acts by claim %s: %s", act.By, act.Claim, fmt.Sprintf(format, args...))
		}
	}
	c := claim.truth.Claim
	refuse(claim.truth.By != act.By || digestOf(c.GetIntentDigest()) != act.Intent, "the claim is another's, or for something else")
	refuse(string(c.GetIncarnation()) != string(x.incarnation[:]), "the claim is an earlier incarnation's")
	d := h.Authority(act.Intent, w.cfg.Threshold)
	refuse(d == nil, "no quorum of %d said ALLOW to exactly these bytes in epoch %d", w.cfg.Threshold, h.Epoch())
	if d == nil {
		return nil
	}
	refuse(!validAt(h.Release, h.LogTime), "the release has expired")
	refuse(!d.GetDeadline().AsTime().After(h.LogTime), "the deadline has passed")
	refuse(h.Halted(d.GetAgent(), d.GetSession(), d.GetTool()), "halted")
	refuse(h.Banned[d.GetAgent()] || h.Banned[x.node.member.SPIFFE()], "somebody involved is revoked")
	refuse(!h.mayUse(act.By, d.GetTool()), "the executor does not serve %s", d.GetTool())
	refuse(h.Beat.Seq == 0 || h.Beat.Fault || h.LogTime.Sub(h.Beat.LogTime) >= pulseLimit, "no fresh pulse")
	return d
}

// checkHalts is S3, and S3' for an executor from which something was withheld.
func (w *World) checkHalts(x *executor, act Act, d *pb.Decision, bound time.Duration) {
	if d == nil {
		return
	}
	invariant, slack := S3, bound
	if x.node.victim {
		invariant, slack = S3L, pulseLimit+bound+w.pulseDelay()
	}
	before := w.history(0, nil)
	for _, e := range w.entries {
		h := scopeOf(e, before)
		before.LogTime = later(before.LogTime, e.stamp)
		before.fold(e)
		late := act.At >= e.at+slack
		if h == nil || !late || !coversAll(h, d.GetAgent(), d.GetSession(), d.GetTool()) {
			continue
		}
		if e.seq > act.Claim.Seq || (invariant == S3L && inForce(w, e)) {
			w.fail(invariant, "%s starts %v after the halt at #%d, by claim %s; the bound is %v", act.By, act.At-e.at, e.seq, act.Claim, slack)
		}
	}
}

// pulseDelay is by how much a pulse may be older than its place on the ledger
// says, at most: where pulses wait in flight or clocks lie, a pulse made before
// a halt counts until its own clock is maxSkew behind.
func (w *World) pulseDelay() (delay time.Duration) {
	if !w.cfg.Prompt {
		delay += 2 * maxSkew // in flight, and the sentinel's own clock
	}
	if w.cfg.LyingTime {
		delay += 2 * maxSkew
	}
	return delay
}

// scopeOf is what an entry halts, if it takes effect.
func scopeOf(e *entry, before *History) *pb.Scope {
	if e.truth.Record.GetHalt() == nil && e.truth.Record.GetTrip() == nil || before.applied[trust.DigestOf(e.truth.Payload)] {
		return nil
	}
	if s := e.truth.Record.GetTrip().GetScope(); s != nil {
		return s
	}
	return e.truth.Record.GetHalt().GetScope()
}

// inForce reports whether nobody has resumed what an entry halted.
func inForce(w *World, e *entry) bool {
	for _, h := range w.history(w.last(), nil).Halts {
		if h.ID == trust.DigestOf(e.truth.Payload) {
			return true
		}
	}
	return false
}

// checkPulse is S4: after the last genuine pulse was appended, and after the
// last one was made.
func (w *World) checkPulse(act Act, bound time.Duration) {
	var appended, made time.Duration
	for _, e := range w.entries {
		if e.truth.Pulse != nil && e.copied == 0 {
			appended, made = e.at, max(made, e.truth.Made)
		}
	}
	slack := pulseLimit + bound
	if w.cfg.LyingTime {
		slack += 2 * maxSkew
	}
	if act.At >= appended+slack {
		w.fail(S4, "%s starts %v after the last pulse was appended; the bound is %v", act.By, act.At-appended, slack)
	}
	// Its clock may be maxSkew ahead of log time and log time as much ahead of it.
	if hoarded := slack + 2*maxSkew; act.At >= made+hoarded {
		w.fail(S4, "%s starts %v after the last pulse was made; the bound is %v", act.By, act.At-made, hoarded)
	}
}

// spoken is the first verdict on an intent that an honest enforcer arrived at.
type spoken struct {
	by   string
	data []byte // nil: none, it is a re-send
}

// heard is S5: every honest enforcer that was shown the whole ledger says the
// same, and it is what section 7 defines.
func (w *World) heard(e *enforcer, at ledger.Position, d *pb.Decision) {
	if e.liar || e.node.victim || w.cfg.lies() {
		return
	}
	var data []byte
	if d != nil {
		data, _ = verdict.Encode(d) // what cannot be encoded is not equal to anything
	}
	first, known := w.verdicts[at]
	if !known {
		w.verdicts[at] = spoken{e.node.name, data}
		w.checkDefinition(e, at, d)
		return
	}
	if string(first.data) != string(data) {
		w.fail(S5, "on %s %s says %s and %s says %s", at, first.by, textOf(first.data), e.node.name, textOf(data))
	}
}

func textOf(data []byte) string {
	if data == nil {
		return "nothing"
	}
	d := new(pb.Decision)
	if err := proto.Unmarshal(data, d); err != nil {
		return err.Error()
	}
	return decisionText(d)
}

// checkDefinition is V7.
func (w *World) checkDefinition(e *enforcer, at ledger.Position, d *pb.Decision) {
	for _, a := range w.history(at.Seq, nil).Intents {
		if a.Position != at {
			continue
		}
		said, allowed := d != nil, d.GetVerdict() == pb.Verdict_VERDICT_ALLOW
		if said != a.Decided || allowed != a.Allowed {
			w.fail(V7, "%s on %s: %s; by definition decided: %v, allowed: %v %s", e.node.name, at, textOfDecision(d), a.Decided, a.Allowed, a.Why)
		}
		return
	}
	w.fail(V7, "%s decides %s, where no intent of %s stands", e.node.name, at, trusttest.ZoneName)
}

func textOfDecision(d *pb.Decision) string {
	if d == nil {
		return "nothing"
	}
	return decisionText(d)
}
