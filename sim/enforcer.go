package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// enforcer follows enforcer/loop.go: decide every authentic intent in order,
// and every round that an approval opens; publish by rank.
type enforcer struct {
	node *node
	rank int
	liar bool

	deriver deriver
	past    map[ledger.Position]*pb.Decision // quorums recorded before this start, not yet applied
	tally   *verdict.Tally
	silent  bool
	held    []heldDecision
}

type heldDecision struct {
	d   *pb.Decision
	due time.Duration // boot clock
}

func (e *enforcer) start() uint64 {
	e.tally, e.silent, e.held = verdict.NewTally(), false, nil
	from, past := e.recover()
	e.past = past
	e.deriver = newDeriver(e)
	return from
}

func (*enforcer) caughtUp() {}
func (*enforcer) run()      {}

func (e *enforcer) step(en *entry, rec ledger.Record, noise error) {
	if e.mistakes(en, noise) {
		rec, noise = e.mistaken(en), nil
	}
	switch {
	case noise != nil:
	case rec.Kind == schemas.KindIntent, rec.Kind == schemas.KindApproval:
		e.decide(en, rec)
	case rec.Kind == schemas.KindDecision:
		for i, d := range en.decisions {
			if e.tally.Add(e.node.fold, rec, i, d) != nil {
				round := verdict.RoundOf(d)
				e.held = slices.DeleteFunc(e.held, func(h heldDecision) bool { return verdict.RoundOf(h.d) == round })
			}
		}
	case rec.Kind == schemas.KindPulse:
		e.silent = e.node.fold.Pulse().Fault != nil
		e.markState(rec.Seq)
	}
}

// mistakes reports whether a flawed enforcer takes noise for a revoked
// approver's answer.
func (e *enforcer) mistakes(en *entry, noise error) bool {
	return e.node.w.flaw == RevokedAnswers && schemas.ReasonOf(noise) == pb.Reason_REASON_NOISE_REVOKED && en.truth.Approval != nil
}

// mistaken is what it takes that for.
func (e *enforcer) mistaken(en *entry) ledger.Record {
	signer, _ := e.node.fold.Credential(people[standIn].Key.ID())
	return ledger.Record{Seq: en.seq, LogTime: e.node.fold.LogTime(), Kind: schemas.KindApproval, Signer: signer, Approval: en.truth.Approval}
}

// decide derives what a record calls for, tells the world what there is at each
// point that asks, and publishes it.
func (e *enforcer) decide(en *entry, rec ledger.Record) {
	points := e.undecided(rec)
	derived := map[ledger.Position]*pb.Decision{}
	for _, d := range e.deriver.derive(en, rec) {
		derived[verdict.DecidedAt(d)] = d
		e.conclude(d)
	}
	for _, p := range points {
		if _, recorded := e.past[p.position]; p.recorded && !recorded {
			continue // it was applied, not derived
		}
		e.node.w.heard(e, p.position, derived[p.position])
	}
}

// askingPoint is a place on the ledger that asks for a decision.
type askingPoint struct {
	position ledger.Position
	recorded bool // a quorum's decision on it was known at the start
}

func (e *enforcer) undecided(rec ledger.Record) []askingPoint {
	n := len(rec.Items)
	if rec.Kind == schemas.KindApproval || rec.ListErr != nil {
		n = 1
	}
	points := make([]askingPoint, n)
	for i := range points {
		at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		points[i] = askingPoint{at, e.past[at] != nil}
	}
	return points
}

// markState compares the verdict state with the others': whoever has read the
// ledger from its beginning, or from where a restart does, has the same.
func (e *enforcer) markState(seq uint64) {
	state := e.deriver.state()
	state.Expire(e.node.fold.LogTime().UnixNano())
	if e.node.from == 1 || seq >= e.node.target {
		e.node.w.compareState(e, seq, state.Digest())
	}
}

func (e *enforcer) conclude(d *pb.Decision) {
	if e.liar {
		d = lie(e.node.fold, d)
	}
	threshold := e.node.w.cfg.Threshold
	switch {
	case e.silent:
	case e.rank < threshold || e.liar:
		e.send(d)
	default:
		wait := time.Duration(e.rank-threshold+1) * hedge
		e.held = append(e.held, heldDecision{d, e.node.boot() + wait})
	}
}

// lie says ALLOW whatever was asked.
func lie(f *ledger.Fold, d *pb.Decision) *pb.Decision {
	d = allow(d)
	d.Epoch = f.Governance().Epoch()
	return d
}

// wake publishes what waited for its rank's turn.
func (e *enforcer) wake() {
	for len(e.held) > 0 && e.held[0].due <= e.node.boot() {
		d := e.held[0].d
		e.held = e.held[1:]
		e.send(d)
	}
}

func (e *enforcer) send(d *pb.Decision) {
	w := e.node.w
	note := fmt.Sprintf("%s: %v", e.node.name, decisionText(d))
	m := w.sealList(e.node.member, schemas.KindDecision, verdict.Subject(d), Truth{Items: [][]byte{marshal(d)}, Decision: d, Note: note})
	w.send(e.node, m, func(how fate) {
		if how == unknown { // a second copy is harmless, a missing one denies
			e.send(d)
		}
	})
}

func decisionText(d *pb.Decision) string {
	at := ledger.PositionOf(d.GetIntent())
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return fmt.Sprintf("ALLOW of %s in round %d and epoch %d", at, d.GetRound(), d.GetEpoch())
	}
	codes := make([]string, len(d.GetReasons()))
	for i, r := range d.GetReasons() {
		codes[i] = schemas.ReasonCode(r)
	}
	return fmt.Sprintf("DENY of %s in round %d %v", at, d.GetRound(), codes)
}
