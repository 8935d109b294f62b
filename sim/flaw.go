package sim

import pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"

// Flaw is one check that is switched off, or one mistake that is made. The zero
// Flaw is none.
type Flaw struct {
	kind   flawKind
	reason pb.Reason // of ClaimUnchecked, StartUnchecked, IntentUnchecked and NoiseAccepted
}

type flawKind uint8

const (
	flawless flawKind = iota
	claimUnchecked
	startUnchecked
	intentUnchecked
	noiseAccepted
	flawQuorumShort
	flawVoterTwice
	flawVotesMixed
	flawClaimsForgotten
	flawFreshStart
	flawOthersClaim
	flawOldClaim
	flawAnyNumber
	flawSpentTwice
	flawNoRecovery
	flawShortRecovery
	flawForgetsUndecided
	flawResends
	flawResumeAll
	flawOneGovernor
	flawPulseFault
	flawSpanUnchecked
	flawOlderRound
	flawApproverTwice
	flawOtherDigest
	flawUnentitled
	flawRevokedAnswers
	flawRevokedSince
	flawRefusalUnheard
	flawLateApproval
	flawChargedTwice
	flawNotCharged
	flawForgetsApprovals
)

// ClaimUnchecked is core/permit's book not voiding a claim for the reason.
func ClaimUnchecked(r pb.Reason) Flaw { return Flaw{claimUnchecked, r} }

// StartUnchecked is a permit that is spent although there is the reason not to.
func StartUnchecked(r pb.Reason) Flaw { return Flaw{startUnchecked, r} }

// IntentUnchecked is core/verdict never giving the reason.
func IntentUnchecked(r pb.Reason) Flaw { return Flaw{intentUnchecked, r} }

// NoiseAccepted is followers taking pulses that the fold refuses for the reason.
func NoiseAccepted(r pb.Reason) Flaw { return Flaw{noiseAccepted, r} }

// The other flaws.
var (
	QuorumShort      = Flaw{kind: flawQuorumShort}      // one signature fewer is a quorum
	VoterTwice       = Flaw{kind: flawVoterTwice}       // one enforcer that says it twice counts twice
	VotesMixed       = Flaw{kind: flawVotesMixed}       // decisions that differ count together
	ClaimsForgotten  = Flaw{kind: flawClaimsForgotten}  // a restart forgets which claims were valid
	FreshStart       = Flaw{kind: flawFreshStart}       // the start bound counts from reading the claim back
	OthersClaim      = Flaw{kind: flawOthersClaim}      // an executor acts on another's claim
	OldClaim         = Flaw{kind: flawOldClaim}         // an executor acts on a claim of its earlier incarnation
	AnyNumber        = Flaw{kind: flawAnyNumber}        // a copy of an earlier claim passes for the newest
	SpentTwice       = Flaw{kind: flawSpentTwice}       // a permit can be spent again
	NoRecovery       = Flaw{kind: flawNoRecovery}       // an enforcer starts with an empty memory
	ShortRecovery    = Flaw{kind: flawShortRecovery}    // an enforcer reads half of W
	ForgetsUndecided = Flaw{kind: flawForgetsUndecided} // an enforcer reads W, however old the undecided tail
	Resends          = Flaw{kind: flawResends}          // a re-send is decided again
	ResumeAll        = Flaw{kind: flawResumeAll}        // a copy of a resume lifts what is in force now
	OneGovernor      = Flaw{kind: flawOneGovernor}      // one governor's signature resumes
	PulseFault       = Flaw{kind: flawPulseFault}       // a pulse counts whatever speaks against it
	SpanUnchecked    = Flaw{kind: flawSpanUnchecked}    // spans in pulses are not compared
	OlderRound       = Flaw{kind: flawOlderRound}       // a claim rests on an older round's ALLOW after a newer DENY
	ApproverTwice    = Flaw{kind: flawApproverTwice}    // one approver that says it twice counts twice
	OtherDigest      = Flaw{kind: flawOtherDigest}      // an approval of another intent counts
	Unentitled       = Flaw{kind: flawUnentitled}       // an approver answers for a tool that is not his
	RevokedAnswers   = Flaw{kind: flawRevokedAnswers}   // a revoked approver answers
	RevokedSince     = Flaw{kind: flawRevokedSince}     // an approval counts although its approver was revoked since
	RefusalUnheard   = Flaw{kind: flawRefusalUnheard}   // a refusal opens no round
	LateApproval     = Flaw{kind: flawLateApproval}     // an approval behind the deadline opens a round
	ChargedTwice     = Flaw{kind: flawChargedTwice}     // what a round allows is charged twice
	NotCharged       = Flaw{kind: flawNotCharged}       // what a round allows is not charged
	ForgetsApprovals = Flaw{kind: flawForgetsApprovals} // a restart passes over the approvals that it reads again
)

func (f Flaw) is(kind flawKind, r pb.Reason) bool { return f.kind == kind && f.reason == r }
