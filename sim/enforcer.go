package sim

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// enforcer follows enforcer/loop.go: decide every authentic intent in order,
// publish by rank.
type enforcer struct {
	node *node
	rank int
	liar bool

	state  *verdict.State
	past   map[ledger.Position]*pb.Decision // quorums recorded before this start
	tally  *tally
	silent bool
	held   []heldDecision
}

type heldDecision struct {
	d   *pb.Decision
	due time.Duration // boot clock
}

func (e *enforcer) start() uint64 {
	e.state, e.tally, e.silent, e.held = verdict.NewState(), newTally(), false, nil
	from, past := e.recover()
	e.past = past
	return from
}

func (*enforcer) caughtUp() {}
func (*enforcer) run()      {}

func (e *enforcer) step(en *entry, rec ledger.Record, noise error) {
	switch {
	case noise != nil:
	case rec.Kind == schemas.KindIntent:
		e.intents(en, rec)
	case rec.Kind == schemas.KindDecision:
		for i, d := range en.decisions {
			if e.tally.add(e.node.fold, rec, i, d) != nil {
				at := ledger.PositionOf(d.GetIntent())
				e.held = slices.DeleteFunc(e.held, func(h heldDecision) bool { return ledger.PositionOf(h.d.GetIntent()) == at })
			}
		}
	case rec.Kind == schemas.KindPulse:
		e.silent = e.node.fold.Pulse().Fault != nil
	}
}

func (e *enforcer) intents(en *entry, rec ledger.Record) {
	f, rules := e.node.fold, e.node.w.rulesOf(e.node.fold)
	if rec.ListErr != nil {
		if !e.decidedBefore(f, rules, ledger.Position{Seq: rec.Seq}) {
			e.conclude(f, rules, verdict.Unreadable(f, rules, rec))
		}
		return
	}
	for _, in := range intentsOf(en, rec) {
		if e.decidedBefore(f, rules, in.Position) {
			continue
		}
		d := e.state.Decide(f, rules, in)
		if d == nil && e.node.w.flaw == Resends {
			d = verdict.NewState().Decide(f, rules, in)
		}
		if d == nil {
			e.node.w.heard(e, in.Position, nil)
			continue
		}
		e.conclude(f, rules, d)
	}
}

// intentsOf gives the items of an authentic list their positions.
func intentsOf(en *entry, rec ledger.Record) []verdict.Intent {
	if rec.ListErr != nil {
		return nil
	}
	intents := make([]verdict.Intent, len(rec.Items))
	for i, item := range rec.Items {
		intents[i] = verdict.Intent{
			Position: ledger.Position{Seq: rec.Seq, Index: uint32(i)}, Digest: item.Digest, Signer: rec.Signer,
			Content: en.contents[i].Intent, Defect: en.contents[i].Defect,
		}
	}
	return intents
}

func (e *enforcer) decidedBefore(f *ledger.Fold, rules *verdict.Rules, at ledger.Position) bool {
	known := e.past[at]
	if known == nil {
		return false
	}
	delete(e.past, at)
	f.RaiseLogTime(known.GetLogTime().AsTime())
	e.state.Apply(known, rules.Release.Bounds.Memory)
	return true
}

func (e *enforcer) conclude(f *ledger.Fold, rules *verdict.Rules, d *pb.Decision) {
	if e.node.w.flaw.kind == intentUnchecked {
		d = overlook(d, e.node.w.flaw.reason)
	}
	if e.liar {
		d = lie(f, d)
	}
	e.state.Apply(d, rules.Release.Bounds.Memory)
	e.node.w.heard(e, ledger.PositionOf(d.GetIntent()), d)
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

// overlook is the decision of an enforcer that lacks one check.
func overlook(d *pb.Decision, r pb.Reason) *pb.Decision {
	left := slices.DeleteFunc(slices.Clone(d.GetReasons()), func(given pb.Reason) bool { return given == r })
	if len(left) == 0 {
		return allow(d)
	}
	d = proto.CloneOf(d)
	d.Reasons = left
	return d
}

// allow turns any decision into an ALLOW.
func allow(d *pb.Decision) *pb.Decision {
	d = proto.CloneOf(d)
	d.Verdict, d.Reasons = pb.Verdict_VERDICT_ALLOW, nil
	return d
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
		return fmt.Sprintf("ALLOW of %s in epoch %d", at, d.GetEpoch())
	}
	codes := make([]string, len(d.GetReasons()))
	for i, r := range d.GetReasons() {
		codes[i] = schemas.ReasonCode(r)
	}
	return fmt.Sprintf("DENY of %s %v", at, codes)
}

// tally counts which enforcers recorded which decision (enforcer/tally.go).
type tally struct{ votes map[ledger.Position]*votes }

type votes struct {
	by     map[trust.Digest]map[trust.Identity]bool
	quorum bool
}

func newTally() *tally { return &tally{votes: map[ledger.Position]*votes{}} }

func (t *tally) add(f *ledger.Fold, rec ledger.Record, i int, d *pb.Decision) *pb.Decision {
	release := f.Governance().Release()
	if d == nil || release == nil || i >= len(rec.Items) {
		return nil
	}
	at := ledger.PositionOf(d.GetIntent())
	v := t.votes[at]
	if v == nil {
		v = &votes{by: map[trust.Digest]map[trust.Identity]bool{}}
		t.votes[at] = v
	}
	same := v.by[rec.Items[i].Digest]
	if same == nil {
		same = map[trust.Identity]bool{}
		v.by[rec.Items[i].Digest] = same
	}
	same[rec.Signer.ID] = true
	if v.quorum || len(same) < int(release.Proto.GetDecisionThreshold()) {
		return nil
	}
	v.quorum = true
	return d
}
