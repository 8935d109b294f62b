package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func pendingRound(round uint32) func(*pb.Decision) {
	return func(d *pb.Decision) {
		d.Reasons, d.Round = []pb.Reason{pb.Reason_REASON_APPROVAL_PENDING}, round
		if round > 0 {
			d.Approval = &pb.Position{Sequence: 6}
		}
	}
}

// TestAnIntentMayWaitForApproval: a denial for want of approval alone does not
// end the wait; what comes of it does.
func TestAnIntentMayWaitForApproval(t *testing.T) {
	for name, tc := range map[string]struct {
		then    func(intent trust.Digest) answering
		refused pb.Reason
	}{
		"executed": {func(intent trust.Digest) answering {
			return answerOf(executor, outcomeOf(intent, executor.SPIFFE(), []byte("text"), executed))
		}, 0},
		"refused": {func(intent trust.Digest) answering {
			return answerOf(enforcer, decisionOn(intent, func(d *pb.Decision) { d.Reasons = []pb.Reason{pb.Reason_REASON_APPROVAL_REFUSED} }))
		}, pb.Reason_REASON_APPROVAL_REFUSED},
	} {
		b := &broker{}
		in(t, b, func(t *testing.T, a *Agent) {
			told := 0
			asked := read
			asked.Pending = func(why *Refused) {
				told++
				if why.Reasons[0] != pb.Reason_REASON_APPROVAL_PENDING || why.DecidedAt != here {
					t.Errorf("%s: told %+v", name, why)
				}
			}
			got := propose(t.Context(), a, asked)
			intent := trust.DigestOf(b.items()[0])
			for round := range uint32(2) {
				a.answers.take(answerOf(enforcer, decisionOn(intent, pendingRound(round))).bytes(t))
			}
			time.Sleep(asked.Timeout / 2)
			a.answers.take(tc.then(intent).bytes(t))
			r := <-got
			var refused *Refused
			if errors.As(r.err, &refused) != (tc.refused != 0) || (r.err == nil) != (tc.refused == 0) || tc.refused != 0 && refused.Reasons[0] != tc.refused {
				t.Errorf("%s: %v", name, r.err)
			}
			if told != 2 {
				t.Errorf("%s: told %d times of 2 rounds", name, told)
			}
		})
	}
}

// TestNobodyApproved: at the deadline it is refused, unless a round allowed it.
func TestNobodyApproved(t *testing.T) {
	for name, allowed := range map[string]bool{"pending": false, "allowed since": true} {
		b := &broker{}
		in(t, b, func(t *testing.T, a *Agent) {
			got := propose(t.Context(), a, read)
			intent := trust.DigestOf(b.items()[0])
			a.answers.take(answerOf(enforcer, decisionOn(intent, pendingRound(0))).bytes(t))
			if allowed {
				a.answers.take(answerOf(enforcer, decisionOn(intent, allow)).bytes(t))
			}
			r := <-got
			var refused *Refused
			var unanswered *Unanswered
			if errors.As(r.err, &refused) == allowed || errors.As(r.err, &unanswered) != allowed {
				t.Errorf("%s: %v", name, r.err)
			}
		})
	}
}
