package proof

import (
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// stamp is a time for people, UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func verdictWord(d *pb.Decision) string {
	if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return "ALLOW"
	}
	return "DENY"
}

// describeDecision says who decided what, by which rules.
func (v *verification) describeDecision() string {
	q := v.decided
	signers := make([]string, len(q.votes))
	for i, one := range q.votes {
		signers[i] = fmt.Sprintf("%s at %d", one.enforcer.Name, one.at)
	}
	parts := []string{
		verdictWord(q.decision) + " by " + strings.Join(signers, ", "),
		fmt.Sprintf("%d of the release's enforcers must agree", q.release.Proto.GetDecisionThreshold()),
	}
	if codes := reasonCodes(q.decision); len(codes) > 0 {
		parts = append(parts, "reasons "+strings.Join(codes, ", "))
	}
	if ids := q.decision.GetPolicies(); len(ids) > 0 {
		parts = append(parts, fmt.Sprintf("policies %.500q", ids))
	}
	parts = append(parts, fmt.Sprintf("release %d, epoch %d", v.moments[v.decidedSeq()].release.Proto.GetVersion(), q.decision.GetEpoch()))
	for _, a := range v.read.approvals {
		if a.at <= v.decidedSeq() {
			parts = append(parts, fmt.Sprintf("%s %s at %d", a.approver.Name, answerWord(a.approve), a.at))
		}
	}
	return strings.Join(parts, "; ")
}

func answerWord(approve bool) string {
	if approve {
		return "approved"
	}
	return "refused"
}

func reasonCodes(d *pb.Decision) []string {
	codes := make([]string, len(d.GetReasons()))
	for i, r := range d.GetReasons() {
		codes[i] = schemas.ReasonCode(r)
	}
	return codes
}

func describeOutcome(r report) string {
	text := fmt.Sprintf("%s reported it at %s, finished %s by its clock", r.signer, r.position, stamp(r.outcome.GetFinished().AsTime()))
	if reason := r.outcome.GetReason(); reason != 0 {
		text += "; reason " + schemas.ReasonCode(reason)
	}
	if digest := r.outcome.GetResultDigest(); len(digest) > 0 {
		text += fmt.Sprintf("; result SHA-256 %x", digest)
	}
	return text
}
