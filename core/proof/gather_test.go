package proof_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/proof"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestNotYet: what is not final, or lacks its witness, has no proof yet, and has
// one when the ledger goes on.
func TestNotYet(t *testing.T) {
	w := newWorld(t)
	a := w.ask()
	q := proof.Question{Intent: a.digest}
	want := func(what string, err error) {
		t.Helper()
		if _, got := w.gathered(q).Choose(); !errors.Is(got, err) || (got == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", what, got, err)
		}
	}
	want("undecided", proof.ErrOpen)
	d := w.decision(a)
	w.decide(d, w.e1, w.e2)
	want("allowed, not claimed", proof.ErrOpen)
	claim := w.claim(a, w.x1)
	want("claimed, no pulse that had read it", proof.ErrOpen)
	w.pulse()
	want("claimed", nil)
	w.report(a, claim, w.x1, pb.Status_STATUS_EXECUTED, 0)
	want("executed, no pulse that had read that", proof.ErrOpen)
	w.pulse()
	want("executed", nil)

	if _, err := w.gathered(proof.Question{Intent: trust.DigestOf([]byte("nothing"))}).Choose(); !errors.Is(err, proof.ErrUnknown) {
		t.Errorf("an intent that is not there: %v", err)
	}
}

// TestDenialWaits: a denial after which another round may allow the intent is final
// at the deadline only, and when a pulse has shown it; a refusal is at once.
func TestDenialWaits(t *testing.T) {
	tests := []struct {
		name  string
		deny  func(*world, asked)
		final bool
	}{
		{"for want of approvals", func(*world, asked) {}, false},
		{"round 1 for want of more", func(w *world, a asked) {
			w.decideRound(a, 1, w.approve(a, true), deny(pb.Reason_REASON_APPROVAL_PENDING))
		}, false},
		{"round 1 under a halt", func(w *world, a asked) {
			w.trip()
			w.decideRound(a, 1, w.approve(a, true), deny(pb.Reason_REASON_HALTED))
		}, false},
		{"refused", func(w *world, a asked) {
			w.decideRound(a, 1, w.approve(a, false), deny(pb.Reason_REASON_APPROVAL_REFUSED))
		}, true},
		{"refused under a halt", func(w *world, a asked) {
			w.trip()
			w.decideRound(a, 1, w.approve(a, false), deny(pb.Reason_REASON_APPROVAL_REFUSED, pb.Reason_REASON_HALTED))
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.waiting()
			test.deny(w, a)
			w.pulse()
			q := proof.Question{Intent: a.digest}
			if _, err := w.gathered(q).Choose(); errors.Is(err, proof.ErrOpen) == test.final || err != nil && !strings.Contains(err.Error(), "approvals may open another until 2") {
				t.Errorf("before the deadline: %v", err)
			}
			w.now = w.now.Add(10 * time.Second)
			w.noise()
			if _, err := w.gathered(q).Choose(); errors.Is(err, proof.ErrOpen) == test.final {
				t.Errorf("after the deadline, which no pulse has shown: %v", err)
			}
			w.pulse()
			if f := w.prove(q); f.Kind != proof.KindDenied || !proof.Verify(f, w.zone.Ledger).OK() {
				t.Errorf("after the deadline: %s, step %q fails", f.Kind, proof.Verify(f, w.zone.Ledger).Failed())
			}
		})
	}
}

// TestUnprovable: a claim that is void for want of a record has no proof.
func TestUnprovable(t *testing.T) {
	w := newWorld(t)
	a := w.ask(func(in *pb.Intent) { in.Deadline = timestamppb.New(w.now.Add(time.Minute)) })
	undecided := w.claim(a, w.x1)
	w.decide(w.decisionAt(a, 12), w.e1, w.e2)
	w.now = w.now.Add(3 * time.Second) // beyond the pulse limit
	unfresh := w.claim(a, w.x1)
	w.pulse()
	for _, at := range []proof.Question{{Intent: a.digest, Claim: undecided}, {Intent: a.digest, Claim: unfresh}} {
		if _, err := w.gathered(at).Choose(); !errors.Is(err, proof.ErrUnprovable) {
			t.Errorf("the claim at %s: %v", at.Claim, err)
		}
	}
}

// TestForeignCheckpoint: a checkpoint of another tree than the one that is read
// makes no file.
func TestForeignCheckpoint(t *testing.T) {
	w := newWorld(t)
	q := storyOf(t, "executed").tell(w)
	g := w.gathered(q)
	s, err := g.Choose()
	must(t, err)
	keys, err := g.Keys()
	must(t, err)
	honest := w.tape
	w.tape = append(honest[:12:12], honest[12:]...)
	w.tape[12].Subject = "fabric.z1.other"
	signed, err := keys.Open(w.checkpoint())
	must(t, err)
	w.tape = honest
	w.tape[12].Subject = "fabric.z1.intent.alice"
	c, err := proof.NewCollector(s, signed)
	must(t, err)
	for _, raw := range w.tape {
		must(t, c.Step(raw))
	}
	if _, err := c.File(); err == nil {
		t.Error("a file with a checkpoint of another tree")
	}
	if c.Step(w.tape[3]) == nil {
		t.Error("it reads a record twice")
	}
}
