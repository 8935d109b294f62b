package zone_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestAnAuditorsWordTrips: the only enforcer that decides is corrupt, and no
// sentinel derives verdicts, for the release does not list the rule. The auditor
// does; the sentinel trips on what its heartbeat says, once.
func TestAnAuditorsWordTrips(t *testing.T) {
	w := auditedZone(t, func(r *pb.Release) {
		for _, d := range r.GetDrift() {
			if d.GetRule() == schemas.DriftReplayMismatch {
				t.Error("the release lists replay.mismatch: nothing is shown here")
			}
		}
	}, honest()...)
	w.ready()
	w.acts()
	for round := range 3 {
		at := w.corrupted()
		halts := w.tripped(schemas.DriftReplayMismatch, "a1")
		if !strings.Contains(halts[0].Reason, at.String()) {
			t.Errorf("round %d: the trip says %q, not where: %s", round, halts[0].Reason, at)
		}
		w.isRefused()
		w.pulsesGoOn()
		if now := w.halts(); len(now) != 1 || now[0].ID != halts[0].ID {
			t.Fatalf("round %d: halts %v, before %v", round, now, halts)
		}
		w.resume(halts)
		w.until("the halt is lifted", func() bool {
			return !slices.ContainsFunc(w.halts(), func(h governance.Halt) bool { return h.ID == halts[0].ID })
		})
		w.pulsesGoOn()
		if now := w.halts(); len(now) != 0 {
			t.Fatalf("round %d: after the resume it trips again for what governors knew: %v", round, now)
		}
		w.ready()
		w.acts()
	}
	// One that begins again finds all of it again, on its way to the newest resume.
	w.Stop(pb.Role_ROLE_AUDITOR, "a1")
	must(t, w.Start(t.Context(), pb.Role_ROLE_AUDITOR, "a1"))
	w.until("a1 has read the ledger again", func() bool { return w.beatOf("a1").GetStarted() && len(w.beatOf("a1").GetFindings()) == 0 })
	w.pulsesGoOn()
	w.acts()
	if now := w.halts(); len(now) != 0 {
		t.Fatalf("an auditor's restart trips for what governors knew: %v", now)
	}
}

// corrupted has a played enforcer allow what must be denied, while no honest one
// runs. It returns where the intent stands.
func (w *drifting) corrupted() ledger.Position {
	w.t.Helper()
	w.stop("e1")
	mallory := w.agent("mallory")
	in := new(pb.Intent)
	before, _ := w.newest(schemas.KindIntent, in)
	go func() { _, _ = mallory.Propose(w.t.Context(), transferTo("mallory")) }() // what becomes of it does not matter
	w.until("the intent", func() bool { at, _ := w.newest(schemas.KindIntent, in); return at != before })
	at, digest := w.newest(schemas.KindIntent, in)
	var epoch uint64
	var release trust.Digest
	w.look(func(f *ledger.Fold) { epoch, release = f.Governance().Epoch(), f.Governance().Release().Digest })
	e2 := w.play("e2")
	e2.item(schemas.KindDecision, "transfer", &pb.Decision{
		Intent: at.Proto(), IntentDigest: digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Epoch: epoch, Release: release[:],
		Deadline: in.GetDeadline(), LogTime: timestamppb.Now(), Agent: in.GetAgent(), Session: in.GetSession(), Tool: "transfer", SessionSequence: 1,
	})
	e2.leaves()
	w.start("e1")
	return at
}
