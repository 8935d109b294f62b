package sim

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Invariant is a promise of PROTOCOL section 9.
type Invariant string

// The invariants.
const (
	S1    Invariant = "S1"    // every act has authority at its claim
	S2    Invariant = "S2"    // at most one act an intent
	S3    Invariant = "S3"    // no start later than B after a halt
	S3L   Invariant = "S3'"   // nor than pulse limit + B after a halt or a lie, with a lying broker
	S4    Invariant = "S4"    // no start later than pulse limit + B after the last pulse
	S5    Invariant = "S5"    // verdicts and the states behind them equal, byte for byte
	S6    Invariant = "S6"    // who was shown another ledger knows at the next pulse that covers it, and stays disarmed
	V7    Invariant = "V7"    // and they are those that section 7 defines
	L1    Invariant = "L1"    // an allowed intent is executed once all is well
	D     Invariant = "drill" // a drill changes nothing
	Audit Invariant = "audit" // an auditor of the ledger finds nothing but what liars and the deceived signed
	Twin  Invariant = "twin"  // the twin of the book is its twin: the simulator's own
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
	w.checkSecond(x, act)
	w.acts = append(w.acts, act)
	bound := time.Duration(int64(startBound) * 1000 / x.node.rate) // of true time, by this node's clock
	d := w.checkAuthority(x, act)
	w.checkAsked(act, r.intent)
	w.checkHalts(x, act, d, bound)
	w.checkPulse(x, act, bound)
	w.checkLie(x, act, bound)
}

// checkSecond is S2, in any one ledger. Who was shown another may judge an
// earlier claim otherwise: its acts are bounded by checkLie.
func (w *World) checkSecond(x *executor, act Act) {
	for _, before := range w.acts {
		switch {
		case before.Intent != act.Intent:
		case before.By != act.By && (x.node.victim || w.victim(before.By)):
			w.seconds++
		default:
			w.fail(S2, "%s acts by claim %s on what %s did by claim %s", act.By, act.Claim, before.By, before.Claim)
		}
	}
}

func (w *World) victim(name string) bool {
	return slices.ContainsFunc(w.nodes, func(n *node) bool { return n.name == name && n.victim })
}

// checkAuthority is S1, at the position of the claim, in what the executor was
// shown of the ledger.
func (w *World) checkAuthority(x *executor, act Act) *pb.Decision {
	claim := x.node.saw(w.entries[act.Claim.Seq-1])
	h := w.history(act.Claim.Seq-1, x.node)
	h.LogTime = later(h.LogTime, claim.stamp)
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			w.fail(S1, "%s acts by claim %s: %s", act.By, act.Claim, fmt.Sprintf(format, args...))
		}
	}
	c := claim.truth.Claim
	refuse(claim.truth.By != act.By || trust.DigestIn(c.GetIntentDigest()) != act.Intent, "the claim is another's, or for something else")
	refuse(string(c.GetIncarnation()) != string(x.incarnation[:]), "the claim is an earlier incarnation's")
	d := h.Authority(act.Intent, w.cfg.Threshold)
	refuse(d == nil, "no quorum of %d said ALLOW to exactly these bytes in the newest round and in epoch %d", w.cfg.Threshold, h.Epoch())
	if d == nil {
		return nil
	}
	refuse(!validAt(h.Release, h.LogTime), "the release has expired")
	refuse(!d.GetDeadline().AsTime().After(h.LogTime), "the deadline has passed")
	refuse(h.Halted(d.GetAgent(), d.GetSession(), d.GetTool()), "halted")
	refuse(h.Banned[d.GetAgent()] || h.Banned[x.node.member.SPIFFE()], "somebody involved is revoked")
	refuse(!h.mayUse(act.By, d.GetTool()), "the executor does not serve %s", d.GetTool())
	refuse(h.Beat.Seq == 0 || h.Beat.Fault || h.LogTime.Sub(h.Beat.LogTime) >= pulseLimit, "no fresh pulse")
	w.checkApproved(act, d)
	return d
}

// checkAsked is S1 by what the agent asked for.
func (w *World) checkAsked(act Act, intent []byte) {
	in := new(pb.Intent)
	if err := proto.Unmarshal(intent, in); err != nil || in.GetEvaluation() {
		w.fail(S1, "%s acts by claim %s on what asked for a decision only (%v)", act.By, act.Claim, err)
	}
}

// checkHalts is S3, and S3' for an executor that was shown another ledger.
func (w *World) checkHalts(x *executor, act Act, d *pb.Decision, bound time.Duration) {
	if d == nil {
		return
	}
	invariant, slack := S3, bound
	if x.node.victim {
		invariant, slack = S3L, pulseLimit+bound+w.pulseDelay(x.node)
	}
	h := w.told()
	for _, link := range h.Chain {
		e := w.entries[link.Seq-1]
		scope := haltedBy(e.truth.Record)
		if scope == nil || act.At < e.at+slack || !coversAll(scope, d.GetAgent(), d.GetSession(), d.GetTool()) {
			continue
		}
		if e.seq > act.Claim.Seq || invariant == S3L && h.inForce(link.ID) {
			w.fail(invariant, "%s starts %v after the halt at #%d, by claim %s; the bound is %v", act.By, act.At-e.at, e.seq, act.Claim, slack)
		}
	}
}

// haltedBy is what a record halts, nil for nothing.
func haltedBy(r *pb.Governance) *pb.Scope {
	if r.GetTrip() != nil {
		return r.GetTrip().GetScope()
	}
	return r.GetHalt().GetScope()
}

// inForce reports whether nobody has resumed a halt.
func (h *History) inForce(id trust.Digest) bool {
	return slices.ContainsFunc(h.Halts, func(halt Halt) bool { return halt.ID == id })
}

// checkLie is S3' for whoever was shown another ledger: after that it acts no
// later than pulse limit + B.
func (w *World) checkLie(x *executor, act Act, bound time.Duration) {
	if !x.node.victim {
		return
	}
	lie, some := x.node.betrayed()
	if slack := pulseLimit + bound + w.pulseDelay(x.node); some && act.At >= lie+slack {
		w.fail(S3L, "%s starts %v after it was shown another ledger, by claim %s; the bound is %v", act.By, act.At-lie, act.Claim, slack)
	}
}

// pulseDelay is by how much a pulse may be older than its place on the ledger
// says, at most: where pulses wait in flight or clocks lie, a pulse made before
// a halt counts until its own clock is maxSkew behind.
func (w *World) pulseDelay(n *node) (delay time.Duration) {
	if !w.cfg.Prompt {
		delay += 2 * maxSkew // in flight, and the sentinel's own clock
	}
	if w.cfg.LyingTime {
		delay += 2 * maxSkew
	}
	return delay + warpDelay(n)
}

// warpDelay is what a node's own clock lets pass when it is shown other times: a
// claim that looks maxSkew older than it is, to a clock that is maxSkew behind,
// and a pulse that looks as much younger to a sentinel's clock that is as much
// ahead.
func warpDelay(n *node) time.Duration {
	if n.warped {
		return 4 * maxSkew
	}
	return 0
}

// checkPulse is S4: after the last genuine pulse was appended, and after the
// last one was made.
func (w *World) checkPulse(x *executor, act Act, bound time.Duration) {
	var appended, made time.Duration
	for _, e := range w.entries {
		if e.truth.Pulse != nil && e.copied == 0 {
			appended, made = e.at, max(made, e.truth.Made)
		}
	}
	slack := pulseLimit + bound + warpDelay(x.node)
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
