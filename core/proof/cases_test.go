package proof_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// story is one ledger and what is asked of it.
type story struct {
	name string
	kind proof.Kind
	tell func(*world) proof.Question
}

// stories are one for each way in which an intent can end, and each reason for
// which a claim can be shown void.
var stories = append([]story{
	{"executed", proof.KindExecuted, reported(pb.Status_STATUS_EXECUTED, 0)},
	{"failed", proof.KindFailed, reported(pb.Status_STATUS_FAILED, pb.Reason_REASON_RUN_FAILED)},
	{"interrupted", proof.KindInterrupted, reported(pb.Status_STATUS_INTERRUPTED, pb.Reason_REASON_RUN_HALTED)},
	{"abandoned", proof.KindAbandoned, reported(pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_LATE)},
	{"indeterminate", proof.KindIndeterminate, reported(pb.Status_STATUS_INDETERMINATE, pb.Reason_REASON_RUN_CRASHED)},
	{"claimed", proof.KindClaimed, func(w *world) proof.Question {
		a := w.allowed()
		w.claim(a, w.x1)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"evaluated", proof.KindEvaluated, func(w *world) proof.Question {
		a := w.ask(evaluation)
		w.decide(w.decision(a), w.e1, w.e2)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"denied_evaluation", proof.KindDenied, func(w *world) proof.Question {
		a := w.ask(evaluation)
		w.decide(w.decision(a, deny(pb.Reason_REASON_APPROVAL_PENDING)), w.e1, w.e2) // which nobody gives
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"denied", proof.KindDenied, func(w *world) proof.Question {
		a := w.ask()
		w.decide(w.decision(a, deny(pb.Reason_REASON_POLICY_FORBIDDEN)), w.e1, w.e3)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"denied_unreadable", proof.KindDenied, func(w *world) proof.Question {
		data := w.alice.List(schemas.KindIntent, trusttest.RecordID(w.zone.Seal(trusttest.Trip())), []byte("x"))
		digest := trusttest.RecordID(data)
		a := asked{&pb.Intent{Agent: w.alice.SPIFFE()}, digest, ledger.Position{Seq: w.add(schemas.KindIntent, "alice", data)}}
		d := w.decision(a, deny(pb.Reason_REASON_PAYLOAD_MALFORMED), func(d *pb.Decision) { d.Policies, d.Deadline = nil, nil })
		for _, m := range []trusttest.Member{w.e1, w.e2} {
			w.add(schemas.KindDecision, schemas.NoTool, m.List(schemas.KindDecision, w.zone.Ledger, w.encode(d)))
		}
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"denied_pending", proof.KindDenied, func(w *world) proof.Question {
		a := w.waiting()
		w.pulse()
		w.now = w.now.Add(time.Minute)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"denied_refused", proof.KindDenied, func(w *world) proof.Question {
		a := w.waiting()
		w.decideRound(a, 1, w.approve(a, false), deny(pb.Reason_REASON_APPROVAL_REFUSED))
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"denied_round", proof.KindDenied, func(w *world) proof.Question {
		a := w.waiting()
		w.trip()
		w.decideRound(a, 1, w.approve(a, true), deny(pb.Reason_REASON_HALTED))
		w.pulse()
		w.now = w.now.Add(time.Minute)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"expired", proof.KindExpired, func(w *world) proof.Question {
		a := w.ask()
		w.decide(w.decision(a), w.e2)
		w.pulse()
		w.now = w.now.Add(11 * time.Second)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"approved", proof.KindExecuted, func(w *world) proof.Question {
		a := w.waiting()
		w.decideRound(a, 1, w.approve(a, true))
		w.report(a, w.claim(a, w.x1), w.x1, pb.Status_STATUS_EXECUTED, 0)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}},
	{"resumed", proof.KindExecuted, func(w *world) proof.Question {
		trip := w.trip()
		w.pulse()
		w.govern(trusttest.Resume(trip))
		w.pulse()
		return reported(pb.Status_STATUS_EXECUTED, 0)(w)
	}},
	{"halted_later", proof.KindExecuted, func(w *world) proof.Question {
		q := reported(pb.Status_STATUS_EXECUTED, 0)(w)
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
		return q
	}},
}, voids()...)

func evaluation(in *pb.Intent) { in.Evaluation = true }

// waiting is an intent that waits for approval.
func (w *world) waiting() asked {
	w.tb.Helper()
	a := w.ask()
	w.decide(w.decision(a, deny(pb.Reason_REASON_APPROVAL_PENDING)), w.e1, w.e2)
	return a
}

// decideRound is a quorum's decision in the round that the answer at a position has
// just opened; ALLOW unless it is altered.
func (w *world) decideRound(a asked, round uint32, answer uint64, mutators ...func(*pb.Decision)) {
	w.tb.Helper()
	d := w.decision(a, mutators...)
	d.Round, d.Approval = round, ledger.Position{Seq: answer}.Proto()
	w.decide(d, w.e1, w.e2)
}

// reported is an intent that was allowed, claimed and reported on.
func reported(status pb.Status, reason pb.Reason) func(*world) proof.Question {
	return func(w *world) proof.Question {
		a := w.allowed()
		w.report(a, w.claim(a, w.x1), w.x1, status, reason)
		w.pulse()
		return proof.Question{Intent: a.digest}
	}
}

// allowed is an intent with a quorum for ALLOW, and others' records between.
func (w *world) allowed() asked {
	w.noise()
	other := w.ask()
	a := w.ask()
	d := w.decision(a)
	w.decide(d, w.e1)
	w.decide(w.decision(other), w.e1, w.e2)
	w.decide(d, w.e3)
	w.claim(other, w.x2)
	return a
}

// voids are stories of void claims, one for each reason that records can show.
func voids() []story {
	void := func(reason pb.Reason, before func(*world, asked)) story {
		return story{"void_" + schemas.ReasonCode(reason)[len("claim."):], proof.KindVoid, func(w *world) proof.Question {
			a := w.allowed()
			before(w, a)
			at := w.claim(a, w.x1)
			w.pulse()
			return proof.Question{Intent: a.digest, Claim: at}
		}}
	}
	return []story{
		void(pb.Reason_REASON_CLAIM_HALTED, func(w *world, _ asked) { w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read")) }),
		void(pb.Reason_REASON_CLAIM_STALE_EPOCH, func(w *world, _ asked) { w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay")) }),
		void(pb.Reason_REASON_CLAIM_REVOKED, func(w *world, _ asked) { w.govern(trusttest.RevokeIdentity(w.alice.ID)) }),
		void(pb.Reason_REASON_CLAIM_SECOND, func(w *world, a asked) { w.claim(a, w.x2) }),
		void(pb.Reason_REASON_CLAIM_EXPIRED, func(w *world, _ asked) {
			w.pulse()
			w.now = w.now.Add(time.Minute)
			w.pulse()
		}),
		void(pb.Reason_REASON_CLAIM_RELEASE, func(w *world, _ asked) {
			next := w.release()
			replaces := w.fold.Governance().Release().Digest
			next.Version, next.Replaces, next.Expires = 2, replaces[:], timestamppb.New(w.now.Add(5*time.Second))
			w.govern(trusttest.Released(next))
			w.now = w.now.Add(6 * time.Second)
		}),
		{"void_evaluation", proof.KindVoid, func(w *world) proof.Question {
			a := w.ask(evaluation)
			w.decide(w.decision(a), w.e1, w.e2)
			at := w.claim(a, w.x1)
			w.pulse()
			return proof.Question{Intent: a.digest, Claim: at}
		}},
		{"void_denied", proof.KindVoid, func(w *world) proof.Question {
			a := w.ask()
			w.decide(w.decision(a, deny(pb.Reason_REASON_POLICY_FORBIDDEN)), w.e1, w.e2)
			at := w.claim(a, w.x1)
			w.pulse()
			return proof.Question{Intent: a.digest, Claim: at}
		}},
	}
}

// TestStories: each story's file is of its kind, verifies, survives encoding byte
// for byte, and says what it does not show.
func TestStories(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.prove(s.tell(w))
			if f.Kind != s.kind {
				t.Fatalf("a proof of %s", f.Kind)
			}
			data, err := f.Encode()
			must(t, err)
			again, err := proof.Decode(data)
			must(t, err)
			same, err := again.Encode()
			must(t, err)
			if string(same) != string(data) {
				t.Error("decoding and encoding changes it")
			}
			r := proof.Verify(again, w.zone.Ledger)
			if !r.OK() || r.Failed() != "" {
				t.Errorf("it does not verify: %+v", r.Steps)
			}
			if len(r.NotEstablished) < 3 {
				t.Errorf("it hides what it does not show: %q", r.NotEstablished)
			}
			for _, step := range r.Steps {
				t.Logf("%-10s %s\n    %s", step.Name, step.What, step.Detail)
			}
			for _, line := range r.NotEstablished {
				t.Logf("not: %s", line)
			}
		})
	}
}

// TestNothingIsSpare: without any one of its records no file establishes what it
// did. (Governance after what it rests on is spare: who signs checkpoints may
// depend on it, and here it does not.)
func TestNothingIsSpare(t *testing.T) {
	spare := map[string]int{"halted_later": 1}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			f := w.prove(s.tell(w))
			spared := 0
			for i := range f.Records {
				less := *f
				less.Records = append(append([]proof.Record{}, f.Records[:i]...), f.Records[i+1:]...)
				if proof.Verify(&less, w.zone.Ledger).OK() {
					spared++
					t.Logf("without record %d on %s", f.Records[i].Position, f.Records[i].Subject)
				}
			}
			if spared != spare[s.name] {
				t.Errorf("%d of %d records can be left out", spared, len(f.Records))
			}
		})
	}
}
