package sim

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Vote is one enforcer's decision, of standing when it was recorded.
type Vote struct {
	By       string
	Digest   trust.Digest
	Decision *pb.Decision
}

// vote counts a decision. A quorum states a log time, from which a follower that
// knew of none later learns it.
func (h *History) vote(v Vote) {
	h.Votes = append(h.Votes, v)
	if h.reader != nil && h.reader.warped && v.Decision.GetDeadline().AsTime().After(h.LogTime) && len(h.voters(v)) == h.reader.w.cfg.Threshold {
		h.LogTime = later(h.LogTime, v.Decision.GetLogTime().AsTime())
	}
}

// voters are the enforcers that said the same.
func (h *History) voters(v Vote) map[string]bool {
	by := map[string]bool{}
	for _, other := range h.Votes {
		if other.Digest == v.Digest {
			by[other.By] = true
		}
	}
	return by
}

// Authority is a decision that a quorum of enforcers has signed, byte for byte,
// on exactly this action, ALLOW, in this epoch, in the newest round in which
// there is any quorum; nil if there is none.
func (h *History) Authority(act trust.Digest, threshold int) *pb.Decision {
	var authority *pb.Decision
	newest := int64(-1)
	for _, v := range h.Votes {
		d := v.Decision
		if trust.DigestIn(d.GetIntentDigest()) != act || int64(d.GetRound()) < newest || len(h.voters(v)) < threshold {
			continue
		}
		if int64(d.GetRound()) > newest {
			newest, authority = int64(d.GetRound()), nil
		}
		if d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && d.GetEpoch() == h.Epoch() {
			authority = d
		}
	}
	return authority
}
