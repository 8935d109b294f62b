package permit

import (
	"sync/atomic"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Permit is a verified, claimed ALLOW for exactly one intent. Only Book makes
// one that does not refuse.
type Permit struct {
	intent   trust.Digest
	decision *pb.Decision
	claim    ledger.Position
	start    time.Duration // B
	spent    atomic.Bool
}

// Grant is what a spent permit allows: one start of one action, now.
type Grant struct {
	Intent   *pb.Intent
	Digest   trust.Digest
	Decision *pb.Decision
	Claim    ledger.Position // the fencing token; see Position.Token
}

// Intent is the digest of the intent that the permit is for.
func (p *Permit) Intent() trust.Digest { return p.intent }

// Spend turns the permit into a grant, once. T0 is the boot clock before the
// claim was published and now the boot clock at this moment (CLOCK_BOOTTIME:
// monotonic, counting suspend); now-t0 must be less than the release's start
// bound (S3). Intent must be the very bytes that were decided, and say what the
// decision says of them. The permit is spent even if Spend refuses. Errors are
// *schemas.Refusal.
func (p *Permit) Spend(t0, now time.Duration, intent []byte) (Grant, error) {
	if p == nil || p.decision == nil || p.spent.Swap(true) {
		return Grant{}, schemas.Refuse(pb.Reason_REASON_CLAIM_SECOND, "the permit is unset or spent")
	}
	if trust.DigestOf(intent) != p.intent {
		return Grant{}, schemas.Refuse(pb.Reason_REASON_START_UNREADABLE, "the intent's bytes are not those that were decided")
	}
	content := new(pb.Intent)
	if err := schemas.Decode(intent, schemas.MaxIntent, content); err != nil {
		return Grant{}, schemas.Refuse(pb.Reason_REASON_START_UNREADABLE, "%v", err)
	}
	if !covers(p.decision, content) {
		return Grant{}, schemas.Refuse(pb.Reason_REASON_START_UNREADABLE, "the intent is not what its decision says of it")
	}
	if waited := now - t0; now < t0 || waited < 0 || waited >= p.start { // a difference that overflowed has the wrong sign
		return Grant{}, schemas.Refuse(pb.Reason_REASON_START_LATE, "%v since the claim, the start bound is %v", waited, p.start)
	}
	return Grant{Intent: content, Digest: p.intent, Decision: p.decision, Claim: p.claim}, nil
}

// covers reports whether a decision repeats an intent truly. The claim was
// judged by what the decision says: by another tool, session or deadline a
// dishonest quorum could step round a halt, or make the book forget a claim (S2).
func covers(d *pb.Decision, in *pb.Intent) bool {
	return d.GetAgent() == in.GetAgent() && d.GetSession() == in.GetSession() && d.GetTool() == in.GetTool() &&
		d.GetDeadline().AsTime().Equal(in.GetDeadline().AsTime()) && d.GetEvaluation() == in.GetEvaluation()
}
