package schemas

import pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"

// Pending reports whether a decision denies for want of approvals and nothing
// else: its intent waits for them until its deadline, and a later round may
// allow it.
func Pending(d *pb.Decision) bool {
	return !d.GetEvaluation() && d.GetVerdict() != pb.Verdict_VERDICT_ALLOW && len(d.GetReasons()) == 1 && d.GetReasons()[0] == pb.Reason_REASON_APPROVAL_PENDING
}
