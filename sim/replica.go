package sim

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// deriver derives the decisions that a record calls for.
type deriver interface {
	derive(en *entry, rec ledger.Record) []*pb.Decision
	state() *verdict.State
}

// newDeriver is verdict.Replica, or its twin where something is wrong with it.
// One enforcer runs the twin always: S5 holds between the two.
func newDeriver(e *enforcer) deriver {
	if e.node.w.flaw != (Flaw{}) || e.rank == 1 {
		return &replicaTwin{node: e.node, past: e.past, held: verdict.NewState(), answered: map[trust.Digest][]trust.Identity{}}
	}
	rules := func(*governance.Release) *verdict.Rules { return e.node.w.rulesOf(e.node.fold) }
	return &realReplica{e.node, verdict.NewReplica(verdict.ReplicaConfig{Past: e.past, Rules: rules})}
}

type realReplica struct {
	node    *node
	replica *verdict.Replica
}

func (r *realReplica) state() *verdict.State { return r.replica.State() }

func (r *realReplica) derive(en *entry, rec ledger.Record) []*pb.Decision {
	derived, err := r.replica.Step(r.node.fold, rec, en.contents)
	if err != nil {
		r.node.w.fail(S5, "%s at #%d: %v", r.node.name, rec.Seq, err)
	}
	all := make([]*pb.Decision, len(derived))
	for i, d := range derived {
		all[i] = d.Decision
	}
	return all
}

// replicaTwin says what verdict.Replica says, with the mistakes that a flaw asks
// for.
type replicaTwin struct {
	node *node
	past map[ledger.Position]*pb.Decision
	held *verdict.State

	waits    []trust.Digest // intents that wait, newest last
	answered map[trust.Digest][]trust.Identity
}

func (t *replicaTwin) state() *verdict.State { return t.held }
func (t *replicaTwin) flaw() Flaw            { return t.node.w.flaw }

func (t *replicaTwin) derive(en *entry, rec ledger.Record) []*pb.Decision {
	rules := t.node.w.rulesOf(t.node.fold)
	switch {
	case rules == nil:
		return nil
	case rec.Kind == schemas.KindApproval:
		return t.approval(rules, rec)
	case rec.Kind != schemas.KindIntent:
		return nil
	case rec.ListErr == nil:
		return t.intents(rules, en, rec)
	case t.recorded(rules, ledger.Position{Seq: rec.Seq}, rec.PayloadDigest) != nil:
		return nil
	default:
		return t.conclude(rules, nil, verdict.Unreadable(t.node.fold, rules, rec))
	}
}

func (t *replicaTwin) intents(rules *verdict.Rules, en *entry, rec ledger.Record) (all []*pb.Decision) {
	for _, in := range intentsOf(en, rec) {
		if known := t.recorded(rules, in.Position, in.Digest); known != nil {
			t.await(in, known)
			continue
		}
		d := t.held.Decide(t.node.fold, rules, in)
		if d == nil && t.flaw() == Resends {
			d = verdict.NewState().Decide(t.node.fold, rules, in)
		}
		if d == nil {
			continue
		}
		all = t.conclude(rules, all, d)
		t.await(in, all[len(all)-1])
	}
	return all
}

// intentsOf gives the items of an authentic list their positions.
func intentsOf(en *entry, rec ledger.Record) []verdict.Intent {
	if rec.ListErr != nil {
		return nil
	}
	intents := make([]verdict.Intent, len(rec.Items))
	for i, item := range rec.Items {
		intents[i] = verdict.Intent{
			Position: ledger.Position{Seq: rec.Seq, Index: uint32(i)}, Digest: item.Digest, Size: len(item.Bytes), Signer: rec.Signer,
			Content: en.contents[i].Intent, Defect: en.contents[i].Defect,
		}
	}
	return intents
}

// await keeps an intent that waits; LateApproval, for longer than it may.
func (t *replicaTwin) await(in verdict.Intent, d *pb.Decision) {
	if !schemas.Pending(d) {
		return
	}
	t.waits = append(t.waits, in.Digest)
	if t.flaw() == LateApproval {
		later := timestamppb.New(d.GetDeadline().AsTime().Add(maxDeadline))
		d, in.Content = proto.CloneOf(d), proto.CloneOf(in.Content)
		d.Deadline, in.Content.Deadline = later, later
	}
	t.held.Await(in, d)
}

func (t *replicaTwin) approval(rules *verdict.Rules, rec ledger.Record) []*pb.Decision {
	if t.flaw() == ForgetsApprovals && t.node.incarnation > 1 && !t.node.caughtUp {
		return nil
	}
	signer, answer := t.heard(rec)
	if answer == nil {
		return nil
	}
	opens := t.held.Answer(t.node.fold, rules, signer, answer)
	at, intent := ledger.Position{Seq: rec.Seq}, trust.DigestIn(answer.GetIntentDigest())
	if t.recorded(rules, at, intent) != nil || !opens {
		return nil
	}
	return t.conclude(rules, nil, t.held.DecideRound(t.node.fold, rules, intent, at))
}

// heard is who answered what, as a flawed enforcer hears it.
func (t *replicaTwin) heard(rec ledger.Record) (trust.Credential, *pb.Approval) {
	signer, answer := rec.Signer, rec.Approval
	digest := trust.DigestIn(answer.GetIntentDigest())
	before := t.answered[digest]
	t.answered[digest] = append(before, signer.ID)
	other, _ := t.node.fold.Credential(people[standIn].Key.ID())
	switch t.flaw() {
	case ApproverTwice:
		if slices.Contains(before, signer.ID) {
			return other, answer
		}
	case Unentitled:
		if signer.ID.Name == "p3" {
			return other, answer
		}
	case RevokedSince:
		if signer.ID.Name == "p2" {
			return other, answer
		}
	case RefusalUnheard:
		if !answer.GetApprove() {
			return signer, nil
		}
	case OtherDigest:
		if !slices.Contains(t.waits, digest) && len(t.waits) > 0 {
			answer = proto.CloneOf(answer)
			answer.IntentDigest = t.waits[len(t.waits)-1][:]
		}
	}
	return signer, answer
}

// recorded applies what a quorum recorded before this start.
func (t *replicaTwin) recorded(rules *verdict.Rules, at ledger.Position, intent trust.Digest) *pb.Decision {
	known := t.past[at]
	if known == nil || !bytes.Equal(known.GetIntentDigest(), intent[:]) {
		return nil
	}
	delete(t.past, at)
	t.node.fold.RaiseLogTime(known.GetLogTime().AsTime())
	t.apply(rules, known)
	return known
}

func (t *replicaTwin) conclude(rules *verdict.Rules, all []*pb.Decision, d *pb.Decision) []*pb.Decision {
	if t.flaw().kind == intentUnchecked {
		d = overlook(d, t.flaw().reason)
	}
	t.apply(rules, d)
	return append(all, d)
}

func (t *replicaTwin) apply(rules *verdict.Rules, d *pb.Decision) {
	w := rules.Release.Bounds.Memory
	switch {
	case d.GetRound() > 0 && t.flaw() == ChargedTwice:
		t.held.Apply(d, w)
	case d.GetRound() > 0 && t.flaw() == NotCharged:
		d = proto.CloneOf(d)
		d.Charges = nil
	}
	t.held.Apply(d, w)
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
