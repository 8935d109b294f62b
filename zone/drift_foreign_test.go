package zone_test

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// e2 is corrupt and quicker than e1: it allows what no policy allows, in a round
// that nobody opened, or at a place where no intent stands. e1 and a sentinel
// that derives verdicts again are honest.
func TestADecisionThatNothingCallsForTrips(t *testing.T) {
	for name, twist := range map[string]func(*pb.Decision){
		"plain":         func(*pb.Decision) {},
		"round 7":       func(d *pb.Decision) { d.Round, d.Approval = 7, d.GetIntent() },
		"another index": func(d *pb.Decision) { d.Intent = &pb.Position{Sequence: d.GetIntent().GetSequence(), Index: 300} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := driftingZone(t, rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {}), honest()...)
			w.acts()
			w.stop("e1")
			mallory := w.agent("mallory")
			go func() { _, _ = mallory.Propose(w.t.Context(), transferTo("mallory")) }()
			in := new(pb.Intent)
			w.until("the intent", func() bool { w.newest(schemas.KindIntent, in); return in.GetTool() == "transfer" })
			at, digest := w.newest(schemas.KindIntent, in)
			var epoch uint64
			var release trust.Digest
			w.look(func(f *ledger.Fold) { epoch, release = f.Governance().Epoch(), f.Governance().Release().Digest })
			lie := &pb.Decision{
				Intent: at.Proto(), IntentDigest: digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Epoch: epoch, Release: release[:],
				Deadline: in.GetDeadline(), LogTime: timestamppb.Now(), Agent: in.GetAgent(), Session: in.GetSession(), Tool: "transfer", SessionSequence: 1,
			}
			twist(lie)
			w.play("e2").item(schemas.KindDecision, "transfer", lie)
			w.start("e1")
			w.until("a trip", func() bool { return len(w.halts()) > 0 })
			rules := map[string]bool{schemas.DriftDecisionDivergence: true, schemas.DriftReplayMismatch: true}
			if h := w.halts()[0]; !rules[h.Rule] {
				t.Errorf("it tripped by %s: %s", h.Rule, h.Reason)
			}
		})
	}
}
