package permit

import (
	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Ruling is the judgement on one claim.
type Ruling struct {
	Position ledger.Position
	Intent   trust.Digest
	Executor trust.Identity
	Claim    *pb.Claim    // nil if it could not be read
	Decision *pb.Decision // the quorum's, where there is one
	Void     pb.Reason    // why the claim is void; 0 if it is valid
	Permit   *Permit      // valid claims of this book's owner only
}

// Valid reports whether the claim is valid.
func (r Ruling) Valid() bool { return r.Void == 0 && r.Claim != nil }

// Claim judges one item of a list of claims, signed by an executor of standing,
// at its position. Token is the tool in the record's subject. If the claim is
// valid, every later one on the same intent is void.
func (b *Book) Claim(v View, token string, signer trust.Identity, at ledger.Position, item ledger.Item) Ruling {
	r := Ruling{Position: at, Executor: signer}
	claim := new(pb.Claim)
	if err := schemas.Decode(item.Bytes, schemas.MaxItem, claim); err != nil || !signer.Is(claim.GetExecutor()) {
		r.Void = pb.Reason_REASON_CLAIM_MALFORMED
		return r
	}
	r.Claim = claim
	r.Intent, _ = trust.DigestFrom(claim.GetIntentDigest())
	held := b.intents[r.Intent]
	if held != nil {
		r.Decision = held.quorum
	}
	if r.Void = Valid(v, held, token, signer, claim); r.Void != 0 {
		return r
	}
	held.claimed = at
	if b.owns(signer, claim) {
		r.Permit = &Permit{
			intent: r.Intent, decision: r.Decision, claim: at,
			start: v.Governance().Release().Bounds.Start,
		}
	}
	return r
}

// Valid is the heart of the protocol (PROTOCOL section 8, step 3): 0 if the
// claim is valid at the view's position, else the first reason against it.
func Valid(v View, held *entry, token string, signer trust.Identity, claim *pb.Claim) pb.Reason {
	gov, release := v.Governance(), v.Governance().Release()
	if release == nil || !release.ValidAt(v.LogTime()) {
		return pb.Reason_REASON_CLAIM_RELEASE
	}
	if held == nil || held.quorum == nil || ledger.PositionOf(claim.GetIntent()) != ledger.PositionOf(held.quorum.GetIntent()) {
		return pb.Reason_REASON_CLAIM_UNDECIDED
	}
	d := held.quorum
	if d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || len(d.GetReasons()) > 0 {
		return pb.Reason_REASON_CLAIM_DENIED
	}
	if d.GetEvaluation() {
		return pb.Reason_REASON_CLAIM_EVALUATION
	}
	if !d.GetDeadline().AsTime().After(v.LogTime()) {
		return pb.Reason_REASON_CLAIM_EXPIRED
	}
	if _, halted := gov.Halted(target(gov, d)); halted {
		return pb.Reason_REASON_CLAIM_HALTED
	}
	if gov.RevokedID(d.GetAgent()) || gov.RevokedIdentity(signer) {
		return pb.Reason_REASON_CLAIM_REVOKED
	}
	if d.GetEpoch() != gov.Epoch() || trust.DigestIn(d.GetRelease()) != release.Digest {
		return pb.Reason_REASON_CLAIM_STALE_EPOCH
	}
	if entry, enrolled := release.Identity(signer); !enrolled || !entry.MayUse(d.GetTool()) || d.GetTool() != token {
		return pb.Reason_REASON_CLAIM_WRONG_TOOL
	}
	if !Fresh(v) {
		return pb.Reason_REASON_CLAIM_NO_PULSE
	}
	if held.claimed != (ledger.Position{}) {
		return pb.Reason_REASON_CLAIM_SECOND
	}
	return 0
}

// Fresh reports whether the newest pulse is younger than the release's limit
// and names a head on this chain.
func Fresh(v View) bool {
	release, pulse := v.Governance().Release(), v.Pulse()
	return release != nil && pulse.Seq != 0 && pulse.Fault == nil && v.LogTime().Sub(pulse.Time) < release.Bounds.PulseLimit
}

func (b *Book) owns(signer trust.Identity, claim *pb.Claim) bool {
	return b.owner.ID != trust.Identity{} && b.owner.Incarnation != [16]byte{} && signer == b.owner.ID && string(claim.GetIncarnation()) == string(b.owner.Incarnation[:])
}

func target(gov *governance.State, d *pb.Decision) governance.Target {
	return governance.Target{Zone: gov.Zone(), Tool: d.GetTool(), Agent: d.GetAgent(), Session: d.GetSession()}
}
