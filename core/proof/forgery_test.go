package proof_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// forgery is a lie that is made of nothing but records which stand on an honest
// ledger, under an honest checkpoint. They are vectors, too.
type forgery struct {
	name, about string
	forge       func(*world) *proof.File
	want        proof.StepName
}

var forgeries = []forgery{
	{"forged_revoked", "The executor was revoked before its claim, which the file leaves out; its own outcome vouches for that.", func(w *world) *proof.File {
		return w.rogue(trusttest.RevokeIdentity(w.x1.ID), false)
	}, proof.StepHistory},
	{"forged_revoked_pulse", "The same, with the pulse that follows.", func(w *world) *proof.File {
		return w.rogue(trusttest.RevokeIdentity(w.x1.ID), true)
	}, proof.StepHistory},
	{"forged_halted", "A halt stands before the claim, and the file leaves it out; its own outcome vouches for that.", func(w *world) *proof.File {
		return w.rogue(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""), false)
	}, proof.StepHistory},
	{"forged_late_outcome", "The executor was revoked between its claim and its outcome, which the file leaves out; a pulse reaches the claim.", func(w *world) *proof.File {
		a := w.ask()
		w.decide(w.decision(a), w.e1, w.e2)
		claim := w.claim(a, w.x1)
		w.pulse()
		honest, head := w.upToNow(), w.fold.Governance().Head().Proto()
		w.govern(trusttest.RevokeIdentity(w.x1.ID))
		out := w.stray(schemas.KindOutcome, w.outcome(a, claim, head))
		return w.chosen(proof.KindExecuted, a, &claim, append(honest, out)...)
	}, proof.StepHistory},
	{"forged_later", "A pulse after the outcome names a governance record that the file leaves out.", func(w *world) *proof.File {
		f := w.prove(reported(pb.Status_STATUS_EXECUTED, 0)(w))
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
		w.pulse()
		at := []uint64{uint64(len(w.tape))}
		for _, r := range f.Records {
			at = append(at, r.Position)
		}
		claim := ledger.Position(*f.About.Claim)
		return w.chosen(f.Kind, asked{nil, [32]byte(f.About.Intent), ledger.Position(f.About.Position)}, &claim, at...)
	}, proof.StepHistory},
	{"forged_denied", "Round 1 denied it under a halt; round 2, which the file leaves out, allowed it, and it was executed.", func(w *world) *proof.File {
		a := w.waiting()
		trip := w.trip()
		w.decideRound(a, 1, w.approve(a, true), deny(pb.Reason_REASON_HALTED))
		w.pulse()
		denied := w.upToNow()
		w.govern(trusttest.Resume(trip))
		w.pulse()
		w.decideRound(a, 2, w.approve(a, true))
		w.report(a, w.claim(a, w.x1), w.x1, pb.Status_STATUS_EXECUTED, 0)
		return w.chosen(proof.KindDenied, a, nil, denied...)
	}, proof.StepDecision},
}

// rogue is a file that says that x1 executed what was allowed, and leaves out the
// governance record that took its authority.
func (w *world) rogue(withheld *pb.Governance, pulsed bool) *proof.File {
	w.tb.Helper()
	a := w.ask()
	w.decide(w.decision(a), w.e1, w.e2)
	at, head := w.upToNow(), w.fold.Governance().Head().Proto()
	w.govern(withheld)
	c := &pb.Claim{IntentDigest: a.digest[:], Intent: a.at.Proto(), Executor: w.x1.SPIFFE(), Incarnation: make([]byte, 16), Number: 1}
	claim := ledger.Position{Seq: w.stray(schemas.KindClaim, w.encode(c))}
	at = append(at, claim.Seq, w.stray(schemas.KindOutcome, w.outcome(a, claim, head)))
	w.pulse()
	if pulsed {
		at = append(at, uint64(len(w.tape)))
	}
	return w.chosen(proof.KindExecuted, a, &claim, at...)
}

// stray appends what x1 signs, whether it counts or is noise.
func (w *world) stray(kind schemas.Kind, item []byte) uint64 {
	w.tb.Helper()
	seq, err := w.put(schemas.Subject(trusttest.ZoneName, kind, "read"), w.x1.List(kind, w.zone.Ledger, item))
	w.tb.Logf("%s at %d: %v", kind, seq, err)
	return seq
}

func (w *world) outcome(a asked, claim ledger.Position, head *pb.Head) []byte {
	w.tb.Helper()
	return w.encode(&pb.Outcome{
		IntentDigest: a.digest[:], Claim: claim.Proto(), Status: pb.Status_STATUS_EXECUTED, ResultDigest: a.digest[:],
		Head: head, Executor: w.x1.SPIFFE(), Finished: timestamppb.New(w.now),
	})
}

// upToNow are all positions of the tape.
func (w *world) upToNow() (all []uint64) {
	for i := range w.tape {
		all = append(all, uint64(i)+1)
	}
	return all
}

// chosen is a file of chosen positions of the tape.
func (w *world) chosen(kind proof.Kind, a asked, claim *ledger.Position, at ...uint64) *proof.File {
	w.tb.Helper()
	f := &proof.File{
		Format: proof.Format, Anchor: proof.Digest(w.zone.Ledger), Kind: kind, Checkpoint: string(w.checkpoint()),
		About: proof.About{Intent: proof.Digest(a.digest), Position: proof.Position(a.at)},
	}
	if claim != nil {
		f.About.Claim = new(proof.Position)
		*f.About.Claim = proof.Position(*claim)
	}
	slices.Sort(at)
	for _, seq := range slices.Compact(at) {
		r := w.recordOf(seq)
		r.Inclusion = w.inclusion(seq)
		f.Records = append(f.Records, r)
	}
	return f
}

// TestForgeries: no choice of honest records tells these lies, and none of them
// fails for another reason than it should.
func TestForgeries(t *testing.T) {
	for _, l := range forgeries {
		t.Run(l.name, func(t *testing.T) {
			w := newWorld(t)
			if got := proof.Verify(l.forge(w), w.zone.Ledger); got.Failed() != l.want {
				t.Errorf("step %q fails, want %q: %+v", got.Failed(), l.want, got.Steps)
			}
		})
	}
}

// TestWithheldRounds: rounds that a file leaves out cannot be seen in it, so it says
// that it does not show them.
func TestWithheldRounds(t *testing.T) {
	tests := []struct {
		name, limit string
		forge       func(*world) *proof.File
	}{
		{"a no before the claim", "That no later round denied it before the claim, as after an approver's no: if one did, the claim is void. An audit tells.", func(w *world) *proof.File {
			a := w.waiting()
			w.decideRound(a, 1, w.approve(a, true))
			at := w.upToNow()
			w.decideRound(a, 2, w.approve(a, false), deny(pb.Reason_REASON_APPROVAL_REFUSED))
			claim := w.claim(a, w.x1)
			w.report(a, claim, w.x1, pb.Status_STATUS_EXECUTED, 0)
			w.pulse()
			return w.chosen(proof.KindExecuted, a, &claim, append(at, claim.Seq, claim.Seq+1, claim.Seq+2)...)
		}},
		{"a yes and a claim before the no", "That no earlier round allowed it, with a valid claim before this one denied it.", func(w *world) *proof.File {
			a := w.waiting()
			w.decideRound(a, 1, w.approve(a, true))
			at := w.upToNow()
			w.report(a, w.claim(a, w.x1), w.x1, pb.Status_STATUS_EXECUTED, 0)
			from := uint64(len(w.tape))
			w.decideRound(a, 2, w.approve(a, false), deny(pb.Reason_REASON_APPROVAL_REFUSED))
			w.pulse()
			return w.chosen(proof.KindDenied, a, nil, append(at, from+1, from+2, from+3, from+4)...)
		}},
		{"a yes after the denial", "That no answer before the deadline opened a later round that allowed it.", func(w *world) *proof.File {
			a := w.waiting()
			at := w.upToNow()
			w.decideRound(a, 1, w.approve(a, true))
			w.report(a, w.claim(a, w.x1), w.x1, pb.Status_STATUS_EXECUTED, 0)
			w.now = w.now.Add(time.Minute)
			w.pulse()
			return w.chosen(proof.KindDenied, a, nil, append(at, uint64(len(w.tape)))...)
		}},
		{"a no and a yes before the earlier claim", "That the earlier claim is valid: a newer pulse or a later round before it may make it void, and this one the first.", func(w *world) *proof.File {
			a := w.waiting()
			w.decideRound(a, 1, w.approve(a, true))
			at := w.upToNow()
			w.decideRound(a, 2, w.approve(a, true), deny(pb.Reason_REASON_POLICY_DEFAULT_DENY))
			void := w.claim(a, w.x1)
			w.decideRound(a, 3, w.approve(a, true))
			valid := w.claim(a, w.x2)
			w.pulse()
			return w.chosen(proof.KindVoid, a, &valid, append(at, void.Seq, valid.Seq, valid.Seq+1)...)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			got := proof.Verify(test.forge(w), w.zone.Ledger)
			if !got.OK() || !slices.Contains(got.NotEstablished, test.limit) {
				t.Errorf("step %q fails; not established: %q", got.Failed(), got.NotEstablished)
			}
		})
	}
}

// TestLimitsOfKeys: every file says that it does not show what became of the keys
// later that vouch for it.
func TestLimitsOfKeys(t *testing.T) {
	for _, s := range stories {
		w := newWorld(t)
		got := proof.Verify(w.prove(s.tell(w)), w.zone.Ledger)
		for _, limit := range []string{
			"That the recorder's keys, and the witnesses', were not replaced or revoked since, after the last governance record of this file.",
			"That the sentinel whose pulse witnesses the history was not revoked before it: whoever has its old key can name an old head.",
		} {
			if !slices.Contains(got.NotEstablished, limit) {
				t.Errorf("%s: it does not say %q", s.name, limit)
			}
		}
	}
}

// TestOldRecorderKeys: governors replaced the recorder's keys. Whoever has the old
// ones signs a tree in which a late claim stands before its deadline, and finds no
// sentinel to witness it.
func TestOldRecorderKeys(t *testing.T) {
	w := newWorld(t)
	a := w.ask()
	w.decide(w.decision(a), w.e1, w.e2)
	claim := w.claim(a, w.x1)
	w.report(a, claim, w.x1, pb.Status_STATUS_EXECUTED, 0)
	forged := w.chosen(proof.KindExecuted, a, &claim, w.upToNow()...)
	if got := proof.Verify(forged, w.zone.Ledger); got.Failed() != proof.StepHistory {
		t.Errorf("step %q fails: %+v", got.Failed(), got.Steps)
	}
	old := w.logKeys
	w.logKeys = logKeys(t, "fresh")
	next, replaces := w.release(), w.fold.Governance().Release().Digest
	next.Version, next.Replaces = 2, replaces[:]
	w.govern(trusttest.Released(next))
	w.pulse()
	honest := w.prove(proof.Question{Intent: a.digest})
	if got := proof.Verify(honest, w.zone.Ledger); got.Failed() != "" {
		t.Errorf("under the new keys: step %q fails: %+v", got.Failed(), got.Steps)
	}
	honest.Checkpoint = string(w.checkpointOf(old, "w1.example"))
	if got := proof.Verify(honest, w.zone.Ledger); got.Failed() != proof.StepCheckpoint {
		t.Errorf("under the old keys: step %q fails: %+v", got.Failed(), got.Steps)
	}
	honest.Records = slices.DeleteFunc(honest.Records, func(r proof.Record) bool { return r.Subject == "fabric.z1.governance" && r.Position > claim.Seq })
	if got := proof.Verify(honest, w.zone.Ledger); got.Failed() != proof.StepHistory {
		t.Errorf("under the old keys without the release: step %q fails: %+v", got.Failed(), got.Steps)
	}
}
