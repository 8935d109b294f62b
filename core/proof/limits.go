package proof

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// restsOn is the moment up to which the chain of governance must be whole: the
// outcome, whose executor must not have been revoked before it, the claim, the last
// vote of the quorum, or else the intent.
func (v *verification) restsOn() moment {
	switch {
	case v.file.Kind.concluded():
		one, _ := v.read.concludes(v.claim)
		return one.moment
	case v.file.Kind.ofClaim():
		return v.claim.moment
	case v.decided != nil:
		return v.decided.moment
	default:
		return v.read.asked.moment
	}
}

// decidedSeq is where the quorum's decision was derived.
func (v *verification) decidedSeq() uint64 { return verdict.DecidedAt(v.decided.decision).Seq }

// final reports whether a denial opens no further round, whatever follows. What
// round 0 denies for want of approvals waits for them, and of a later round only a
// refusal is the last word: any other may end in an ALLOW until the deadline.
func final(d *pb.Decision) bool {
	if d.GetRound() == 0 {
		return !schemas.Pending(d)
	}
	return slices.Contains(d.GetReasons(), pb.Reason_REASON_APPROVAL_REFUSED)
}

// notEstablished says what records that somebody chose from a ledger cannot show.
func (v *verification) notEstablished() []string {
	all := []string{
		"That the recorder's log times are those of the broker: they are as it signed them; an audit compares them.",
		"That nothing follows in the ledger after the records of this file.",
		"That no record of it repeats an earlier one, and no key of it was bound to somebody else before: of two such the earlier counts.",
		"That the recorder's keys, and the witnesses', were not replaced or revoked since, after the last governance record of this file.",
		"That the sentinel whose pulse witnesses the history was not revoked before it: whoever has its old key can name an old head.",
	}
	if v.keys != nil && v.keys.Threshold() == 0 {
		all = append(all, "That others were shown the same ledger: the release asks for no witness, so the recorder alone vouches for it.")
	}
	all = append(all, v.file.Kind.limits()...)
	if v.decided != nil {
		all = append(all, v.file.Kind.decisionLimits(v.decided.decision)...)
	}
	if v.file.Kind == KindVoid {
		all = append(all, voidLimits[v.claim.Void]...)
	}
	return all
}

func (k Kind) limits() []string {
	switch k {
	case KindExecuted, KindFailed, KindInterrupted, KindAbandoned, KindIndeterminate:
		return append(KindClaimed.limits(),
			"That the executor's report is true: whether the action took effect, and nothing else did, only the tool's own records tell.",
			"That no earlier outcome of this claim says otherwise.")
	case KindClaimed:
		return []string{
			"That no earlier claim on this intent is valid: if there is one, this one is void.",
			"That no newer pulse before the claim names another history: if there is one, the claim is void.",
			"That no later round denied it before the claim, as after an approver's no: if one did, the claim is void. An audit tells.",
		}
	case KindVoid:
		return []string{"That no other claim on this intent is valid."}
	case KindDenied, KindEvaluated:
		return []string{"That nobody acted all the same outside an executor."}
	case KindExpired:
		return []string{
			"That no quorum decided on it before the deadline.",
			"That no valid claim on it stands before the deadline.",
		}
	}
	return nil
}

func (k Kind) decisionLimits(d *pb.Decision) []string {
	all := []string{"That the policies and limits of the release give this verdict: the enforcers signed it; an audit derives it again."}
	if d.GetRound() > 0 {
		all = append(all, "That as many people approved as a policy asks for: the enforcers counted them; an audit does it again.")
	}
	if k == KindDenied && !final(d) {
		all = append(all, "That no answer before the deadline opened a later round that allowed it.")
	}
	if k == KindDenied && d.GetRound() > 0 {
		all = append(all, "That no earlier round allowed it, with a valid claim before this one denied it.")
	}
	return all
}

// voidLimits are those of reasons that records left out would end: rounds of
// decisions, and what makes another claim void.
var voidLimits = map[pb.Reason][]string{
	pb.Reason_REASON_CLAIM_DENIED:      {"That no later round allowed the intent before the claim."},
	pb.Reason_REASON_CLAIM_STALE_EPOCH: {"That no later round decided on the intent in the claim's epoch."},
	pb.Reason_REASON_CLAIM_SECOND:      {"That the earlier claim is valid: a newer pulse or a later round before it may make it void, and this one the first."},
}
