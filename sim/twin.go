package sim

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// twin says what core/permit says, as a table of checks that a flaw can switch
// off one by one.
type twin struct {
	w       *World
	owner   permit.Owner
	intents map[trust.Digest]*held
}

// held is what the twin knows of one intent.
type held struct {
	votes    []twinVote
	quorum   *pb.Decision
	claimed  bool
	deadline time.Time
}

type twinVote struct {
	round    uint32
	decision trust.Digest
	by       trust.Identity
}

func newTwin(w *World, owner permit.Owner) *twin {
	return &twin{w: w, owner: owner, intents: map[trust.Digest]*held{}}
}

func (t *twin) Claimed(intent trust.Digest) bool {
	h := t.intents[intent]
	return h != nil && h.claimed
}

func (t *twin) Expire(now time.Time) {
	if t.w.flaw.is(claimUnchecked, pb.Reason_REASON_CLAIM_EXPIRED) {
		return // what is forgotten cannot be claimed either
	}
	for digest, h := range t.intents {
		if !h.deadline.After(now) {
			delete(t.intents, digest)
		}
	}
}

func (t *twin) Decide(v *view, token string, signer trust.Identity, item ledger.Item, d *pb.Decision) *pb.Decision {
	if d == nil || signer.Role != pb.Role_ROLE_ENFORCER || d.GetTool() != token || d.GetDeadline() == nil {
		return nil
	}
	deadline := d.GetDeadline().AsTime()
	if left := deadline.Sub(v.LogTime()); left <= 0 && !t.w.flaw.is(claimUnchecked, pb.Reason_REASON_CLAIM_EXPIRED) || left > maxDeadline {
		return nil
	}
	digest := trust.DigestIn(d.GetIntentDigest())
	h := t.intents[digest]
	if h == nil {
		h = &held{}
		t.intents[digest] = h
	}
	if deadline.After(h.deadline) {
		h.deadline = deadline
	}
	h.votes = append(h.votes, twinVote{d.GetRound(), item.Digest, signer})
	newer := h.quorum != nil && h.quorum.GetRound() >= d.GetRound()
	if t.count(h, d.GetRound(), item.Digest) != t.threshold() || newer {
		return nil
	}
	if t.w.flaw == OlderRound && h.quorum.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return nil
	}
	h.quorum = d
	return d
}

func (t *twin) threshold() int {
	if t.w.flaw == QuorumShort {
		return t.w.cfg.Threshold - 1
	}
	return t.w.cfg.Threshold
}

// count is how many enforcers stand behind a decision.
func (t *twin) count(h *held, round uint32, decision trust.Digest) int {
	n, voters := 0, map[trust.Identity]bool{}
	for _, v := range h.votes {
		if v.round == round && (v.decision == decision || t.w.flaw == VotesMixed) {
			n++
			voters[v.by] = true
		}
	}
	if t.w.flaw == VoterTwice {
		return n
	}
	return len(voters)
}

func (t *twin) Claim(v *view, token string, signer trust.Identity, at ledger.Position, item ledger.Item) ruling {
	r := ruling{Ruling: permit.Ruling{Position: at, Executor: signer}}
	claim := new(pb.Claim)
	if err := schemas.Decode(item.Bytes, schemas.MaxItem, claim); err != nil || claim.GetExecutor() != signer.String() {
		r.Void = pb.Reason_REASON_CLAIM_MALFORMED
		return r
	}
	r.Claim, r.Intent = claim, trust.DigestIn(claim.GetIntentDigest())
	h := t.intents[r.Intent]
	if h != nil {
		r.Decision = h.quorum
	}
	r.Void = t.void(v, h, token, signer, claim)
	if r.Void != 0 {
		return r
	}
	h.claimed = t.w.flaw != ClaimsForgotten
	if t.owns(signer, claim) {
		r.spend = t.permit(r)
	}
	return r
}

func (t *twin) owns(signer trust.Identity, c *pb.Claim) bool {
	switch t.w.flaw {
	case OthersClaim:
		return true
	case OldClaim:
		return signer == t.owner.ID
	default:
		return signer == t.owner.ID && string(c.GetIncarnation()) == string(t.owner.Incarnation[:])
	}
}

// void is permit.Valid, check by check, in its order.
func (t *twin) void(v *view, h *held, token string, signer trust.Identity, c *pb.Claim) pb.Reason {
	gov, now := v.Governance(), v.LogTime()
	release := gov.Release()
	if h == nil || h.quorum == nil {
		if !release.ValidAt(now) {
			return pb.Reason_REASON_CLAIM_RELEASE
		}
		return pb.Reason_REASON_CLAIM_UNDECIDED // nothing to act on: no flaw can do without
	}
	d := h.quorum
	entry, enrolled := release.Identity(signer)
	pulse := v.Pulse()
	for _, check := range []struct {
		reason pb.Reason
		ok     bool
	}{
		{pb.Reason_REASON_CLAIM_RELEASE, release.ValidAt(now)},
		{pb.Reason_REASON_CLAIM_UNDECIDED, ledger.PositionOf(c.GetIntent()) == ledger.PositionOf(d.GetIntent())},
		{pb.Reason_REASON_CLAIM_DENIED, d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && len(d.GetReasons()) == 0},
		{pb.Reason_REASON_CLAIM_EVALUATION, !d.GetEvaluation()},
		{pb.Reason_REASON_CLAIM_EXPIRED, d.GetDeadline().AsTime().After(now)},
		{pb.Reason_REASON_CLAIM_HALTED, !t.halted(v, d)},
		{pb.Reason_REASON_CLAIM_REVOKED, !gov.RevokedID(d.GetAgent()) && !gov.RevokedID(signer.String())},
		{pb.Reason_REASON_CLAIM_STALE_EPOCH, d.GetEpoch() == gov.Epoch() && trust.DigestIn(d.GetRelease()) == release.Digest},
		{pb.Reason_REASON_CLAIM_WRONG_TOOL, enrolled && entry.MayUse(d.GetTool()) && d.GetTool() == token},
		{pb.Reason_REASON_CLAIM_NO_PULSE, pulse.Seq != 0 && pulse.Fault == nil && now.Sub(pulse.Time) < pulseLimit},
		{pb.Reason_REASON_CLAIM_SECOND, !h.claimed},
	} {
		if !check.ok && !t.w.flaw.is(claimUnchecked, check.reason) {
			return check.reason
		}
	}
	return 0
}

func (*twin) halted(v *view, d *pb.Decision) bool {
	gov := v.Governance()
	target := governance.Target{Zone: gov.Zone(), Tool: d.GetTool(), Agent: d.GetAgent(), Session: d.GetSession()}
	for _, h := range gov.Halts() {
		if !v.lifted[h.ID] && coversAll(h.Scope, target.Agent, target.Session, target.Tool) {
			return true
		}
	}
	return false
}

// permit is permit.Permit, check by check.
func (t *twin) permit(r ruling) func(t0, now time.Duration, intent []byte) error {
	spent := false
	return func(t0, now time.Duration, intent []byte) error {
		again := spent && t.w.flaw != SpentTwice
		spent = true
		in := new(pb.Intent)
		readable := schemas.Decode(intent, schemas.MaxIntent, in) == nil
		same := trust.DigestOf(intent) == r.Intent && readable
		covered := in.GetAgent() == r.Decision.GetAgent() && in.GetSession() == r.Decision.GetSession() &&
			in.GetTool() == r.Decision.GetTool() && in.GetDeadline().AsTime().Equal(r.Decision.GetDeadline().AsTime()) &&
			in.GetEvaluation() == r.Decision.GetEvaluation()
		switch {
		case again:
			return schemas.Refuse(pb.Reason_REASON_CLAIM_SECOND, "spent")
		case !(same && covered) && !t.w.flaw.is(startUnchecked, pb.Reason_REASON_START_UNREADABLE):
			return schemas.Refuse(pb.Reason_REASON_START_UNREADABLE, "not what was decided")
		case (now < t0 || now-t0 >= startBound) && !t.w.flaw.is(startUnchecked, pb.Reason_REASON_START_LATE):
			return schemas.Refuse(pb.Reason_REASON_START_LATE, "%v since the claim", now-t0)
		default:
			return nil
		}
	}
}
