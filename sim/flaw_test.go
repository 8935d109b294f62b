//go:build sim

package sim_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/portcullis-dev/portcullis/core/audit"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/sim"
)

// flaws lists what must be found: the flaw, the conditions under which it can
// show, and the promises that it may break first.
var flaws = []struct {
	name   string
	flaw   sim.Flaw
	world  func(*sim.Config)
	breaks []sim.Invariant
	first  uint64 // where the search begins, so that it is short
}{
	// core/permit, check by check.
	{"expired release", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_RELEASE), bold, is(sim.S1), 123},
	{"denied", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_DENIED), bold, is(sim.S1), 0},
	{"only to be evaluated", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_EVALUATION), bold, is(sim.S1), 0},
	{"deadline passed", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_EXPIRED), bold, is(sim.S1), 47},
	{"halted, by a lying quorum", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_HALTED), lyingQuorum, is(sim.S1, sim.S3), 0},
	{"revoked, by a lying quorum", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_REVOKED), lyingQuorum, is(sim.S1), 36},
	{"another epoch", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_STALE_EPOCH), bold, is(sim.S1), 0},
	{"wrong tool", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_WRONG_TOOL), bold, is(sim.S1), 0},
	{"no fresh pulse", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_NO_PULSE), bold, is(sim.S1, sim.S4), 0},
	{"an older round's ALLOW after a newer DENY", sim.OlderRound, bold, is(sim.S1), 16},
	{"a pulse of another history", sim.PulseFault, withholding, is(sim.S1, sim.S3L, sim.S6), 0},
	{"spans not compared", sim.SpanUnchecked, substituting, is(sim.S6, sim.S3L, sim.S1), 0},
	{"second claim", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_SECOND), bold, is(sim.S2), 0},
	{"claims forgotten", sim.ClaimsForgotten, bold, is(sim.S2), 0},
	{"late start", sim.StartUnchecked(pb.Reason_REASON_START_LATE), bold, is(sim.S3, sim.S4), 0},
	{"spent twice", sim.SpentTwice, bold, is(sim.S2), 0},
	{"quorum of k-1", sim.QuorumShort, twoOfThree, is(sim.S1), 0},
	{"one enforcer counts twice", sim.VoterTwice, twoOfThree, is(sim.S1), 134},
	{"decisions that differ count together", sim.VotesMixed, oneLiar, is(sim.S1), 0},
	// The executor around it.
	{"start bound from reading back", sim.FreshStart, bold, is(sim.S3, sim.S4), 0},
	{"another's claim", sim.OthersClaim, bold, is(sim.S1, sim.S2), 0},
	{"an earlier incarnation's claim", sim.OldClaim, bold, is(sim.S1, sim.S2), 3},
	{"any number", sim.AnyNumber, copying, is(sim.S3, sim.S4), 47},
	// core/verdict, reason by reason.
	{"release expired", sim.IntentUnchecked(pb.Reason_REASON_RELEASE_EXPIRED), honest, is(sim.V7), 4},
	{"agent revoked", sim.IntentUnchecked(pb.Reason_REASON_AGENT_REVOKED), honest, is(sim.V7), 130},
	{"forged", sim.IntentUnchecked(pb.Reason_REASON_INTENT_FORGED), honest, is(sim.V7), 25},
	{"deadline passed", sim.IntentUnchecked(pb.Reason_REASON_DEADLINE_PASSED), honest, is(sim.V7), 0},
	{"deadline far", sim.IntentUnchecked(pb.Reason_REASON_DEADLINE_FAR), honest, is(sim.V7), 0},
	{"halted", sim.IntentUnchecked(pb.Reason_REASON_HALTED), honest, is(sim.V7), 0},
	{"equivocation", sim.IntentUnchecked(pb.Reason_REASON_SESSION_EQUIVOCATION), honest, is(sim.V7), 13},
	{"gap", sim.IntentUnchecked(pb.Reason_REASON_SESSION_GAP), honest, is(sim.V7), 24},
	{"fork", sim.IntentUnchecked(pb.Reason_REASON_SESSION_FORK), honest, is(sim.V7), 0},
	{"sessions without limit", sim.IntentUnchecked(pb.Reason_REASON_SESSION_LIMIT), honest, is(sim.V7), 6},
	{"unknown tool", sim.IntentUnchecked(pb.Reason_REASON_TOOL_UNKNOWN), honest, is(sim.V7), 6},
	{"forbidden tool", sim.IntentUnchecked(pb.Reason_REASON_TOOL_FORBIDDEN), honest, is(sim.V7), 22},
	{"another action", sim.IntentUnchecked(pb.Reason_REASON_ACTION_MISMATCH), honest, is(sim.V7), 3},
	{"another definition", sim.IntentUnchecked(pb.Reason_REASON_TOOL_DEFINITION), honest, is(sim.V7), 0},
	{"limit", sim.IntentUnchecked(pb.Reason_REASON_LIMIT_EXCEEDED), honest, is(sim.V7), 0},
	{"policy", sim.IntentUnchecked(pb.Reason_REASON_POLICY_FORBIDDEN), honest, is(sim.V7), 8},
	{"arguments' type", sim.IntentUnchecked(pb.Reason_REASON_ARGUMENTS_INVALID), honest, is(sim.V7), 13},
	{"arguments' digest", sim.IntentUnchecked(pb.Reason_REASON_ARGUMENTS_DIGEST), honest, is(sim.V7), 14},
	{"unreadable list", sim.IntentUnchecked(pb.Reason_REASON_PAYLOAD_MALFORMED), honest, is(sim.V7), 13},
	{"approvals not waited for", sim.IntentUnchecked(pb.Reason_REASON_APPROVAL_PENDING), honest, is(sim.S1, sim.V7), 0},
	{"a refusal overlooked", sim.IntentUnchecked(pb.Reason_REASON_APPROVAL_REFUSED), honest, is(sim.S1, sim.V7), 13},
	// Its rounds.
	{"a refusal ignored", sim.RefusalUnheard, honest, is(sim.S1, sim.V7), 0},
	{"one approver counts twice", sim.ApproverTwice, honest, is(sim.S1, sim.V7), 0},
	{"approval of another digest", sim.OtherDigest, honest, is(sim.S1, sim.V7), 0},
	{"approver of another tool", sim.Unentitled, honest, is(sim.S1, sim.V7), 0},
	{"revoked approver answers", sim.RevokedAnswers, honest, is(sim.S1, sim.V7), 6},
	{"approver revoked since", sim.RevokedSince, honest, is(sim.S1, sim.V7), 165},
	{"approval behind the deadline", sim.LateApproval, honest, is(sim.V7), 0},
	{"a round charged twice", sim.ChargedTwice, honest, is(sim.V7), 3},
	{"a round not charged", sim.NotCharged, honest, is(sim.V7), 35},
	{"a restart forgets approvals", sim.ForgetsApprovals, honest, is(sim.S5), 0},
	// The enforcer around it.
	{"re-sends decided again", sim.Resends, honest, is(sim.V7), 0},
	{"no recovery", sim.NoRecovery, honest, is(sim.S5, sim.V7), 0},
	{"half a recovery", sim.ShortRecovery, honest, is(sim.S5, sim.V7), 0},
	{"an undecided tail forgotten", sim.ForgetsUndecided, honest, is(sim.S5, sim.V7), 16},
	// core/ledger and core/governance.
	{"pulses replayed", sim.NoiseAccepted(pb.Reason_REASON_NOISE_REPLAY), copying, is(sim.S1, sim.S2, sim.S4), 3},
	{"pulses hoarded", sim.NoiseAccepted(pb.Reason_REASON_NOISE_STALE), copying, is(sim.S1, sim.S4), 3},
	{"a stranger's pulses", sim.NoiseAccepted(pb.Reason_REASON_NOISE_SIGNER), bold, is(sim.S1, sim.S4), 0},
	{"an agent's pulses", sim.NoiseAccepted(pb.Reason_REASON_NOISE_ROLE), bold, is(sim.S1, sim.S4), 8},
	{"resumes replayed", sim.ResumeAll, lyingQuorumCopied, is(sim.S1, sim.S3), 7},
	{"one governor resumes", sim.OneGovernor, lyingQuorum, is(sim.S1, sim.S3), 0},
}

func is(i ...sim.Invariant) []sim.Invariant { return i }

// honest is a world whose followers are shown everything as it is.
func honest(c *sim.Config) {
	c.Liars, c.Copies, c.LyingTime = 0, false, false
	c.Withholds, c.Substitutes, c.Warps = false, false, false
}

func bold(c *sim.Config)         { honest(c); c.Bold = true }
func copying(c *sim.Config)      { bold(c); c.Copies = true }
func withholding(c *sim.Config)  { bold(c); c.Withholds, c.Prompt = true, true }
func substituting(c *sim.Config) { bold(c); c.Substitutes, c.Prompt = true, true }
func twoOfThree(c *sim.Config)   { bold(c); c.Threshold, c.Copies = 2, true }
func oneLiar(c *sim.Config)      { bold(c); c.Threshold, c.Liars = 2, 1 }
func lyingQuorum(c *sim.Config)  { bold(c); c.Threshold, c.Liars = 1, 1 }

func lyingQuorumCopied(c *sim.Config) { lyingQuorum(c); c.Copies = true }

// flawSteps is the length of runs that find flaws in the least time.
const flawSteps = 120

// maxSeeds is within how many runs each flaw must be found.
const maxSeeds = 300

// audits says by which rule an auditor of the ledger alone finds that a promise
// was broken: verdicts are derived again, and acts have outcomes. When an action
// began, and what somebody was shown who never wrote of it, no ledger tells.
var audits = map[sim.Invariant]audit.Rule{
	sim.S1: audit.RuleRogue, sim.S2: audit.RuleRogue, sim.S5: audit.RuleReplay, sim.V7: audit.RuleReplay,
}

// unseen are flaws of which no ledger tells, although they break a promise of
// audits.
var unseen = map[string]bool{
	// A state that is not what it should be, before anybody signed a verdict by it.
	"no recovery": true, "half a recovery": true, "an undecided tail forgotten": true, "a restart forgets approvals": true,
	// A verdict that nobody signs.
	"a refusal ignored": true,
	// A second act that its executor does not tell of: the same outcome again is a
	// copy, and an outcome does not say which start of its process acted.
	"spent twice": true, "an earlier incarnation's claim": true,
}

func finds(all []audit.Finding, rule audit.Rule) bool {
	return slices.ContainsFunc(all, func(f audit.Finding) bool { return f.Rule == rule })
}

func TestEveryFlawIsFound(t *testing.T) {
	for _, f := range flaws {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for i := range uint64(maxSeeds) {
				seed := (f.first + i) % maxSeeds
				cfg := sim.NewConfig(seed)
				f.world(&cfg)
				r := sim.Run(cfg, f.flaw, sim.NewSteps(seed, cmp.Or(*stepsFlag, flawSteps)), nil)
				if r.Failure == nil {
					continue
				}
				if !slices.Contains(f.breaks, r.Failure.Invariant) {
					t.Fatalf("seed %d: %v; it should break one of %v", seed, r.Failure, f.breaks)
				}
				t.Logf("seed %d: %v", seed, r.Failure)
				if rule := audits[r.Failure.Invariant]; rule != "" && !unseen[f.name] && !finds(r.Found, rule) {
					t.Errorf("seed %d: an auditor finds no %s, but %v", seed, rule, r.Found)
				}
				return
			}
			t.Errorf("no seed of %d finds it", maxSeeds)
		})
	}
}
