package sim_test

import (
	"slices"
	"testing"

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
}{
	// core/permit, check by check.
	{"expired release", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_RELEASE), bold, is(sim.S1)},
	{"denied", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_DENIED), bold, is(sim.S1)},
	{"deadline passed", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_EXPIRED), bold, is(sim.S1)},
	{"halted, by a lying quorum", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_HALTED), lyingQuorum, is(sim.S1, sim.S3)},
	{"revoked, by a lying quorum", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_REVOKED), lyingQuorum, is(sim.S1)},
	{"another epoch", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_STALE_EPOCH), bold, is(sim.S1)},
	{"wrong tool", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_WRONG_TOOL), bold, is(sim.S1)},
	{"no fresh pulse", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_NO_PULSE), bold, is(sim.S1, sim.S4)},
	{"a pulse of another history", sim.PulseFault, withholding, is(sim.S1, sim.S3L)},
	{"second claim", sim.ClaimUnchecked(pb.Reason_REASON_CLAIM_SECOND), bold, is(sim.S2)},
	{"claims forgotten", sim.ClaimsForgotten, bold, is(sim.S2)},
	{"late start", sim.StartUnchecked(pb.Reason_REASON_START_LATE), bold, is(sim.S3, sim.S4)},
	{"spent twice", sim.SpentTwice, bold, is(sim.S2)},
	{"quorum of k-1", sim.QuorumShort, twoOfThree, is(sim.S1)},
	{"one enforcer counts twice", sim.VoterTwice, twoOfThree, is(sim.S1)},
	{"decisions that differ count together", sim.VotesMixed, oneLiar, is(sim.S1)},
	// The executor around it.
	{"start bound from reading back", sim.FreshStart, bold, is(sim.S3, sim.S4)},
	{"another's claim", sim.OthersClaim, bold, is(sim.S1, sim.S2)},
	{"an earlier incarnation's claim", sim.OldClaim, bold, is(sim.S1, sim.S2)},
	{"any number", sim.AnyNumber, copying, is(sim.S3, sim.S4)},
	// core/verdict, reason by reason.
	{"release expired", sim.IntentUnchecked(pb.Reason_REASON_RELEASE_EXPIRED), honest, is(sim.V7)},
	{"agent revoked", sim.IntentUnchecked(pb.Reason_REASON_AGENT_REVOKED), honest, is(sim.V7)},
	{"forged", sim.IntentUnchecked(pb.Reason_REASON_INTENT_FORGED), honest, is(sim.V7)},
	{"deadline passed", sim.IntentUnchecked(pb.Reason_REASON_DEADLINE_PASSED), honest, is(sim.V7)},
	{"deadline far", sim.IntentUnchecked(pb.Reason_REASON_DEADLINE_FAR), honest, is(sim.V7)},
	{"halted", sim.IntentUnchecked(pb.Reason_REASON_HALTED), honest, is(sim.V7)},
	{"equivocation", sim.IntentUnchecked(pb.Reason_REASON_SESSION_EQUIVOCATION), honest, is(sim.V7)},
	{"gap", sim.IntentUnchecked(pb.Reason_REASON_SESSION_GAP), honest, is(sim.V7)},
	{"fork", sim.IntentUnchecked(pb.Reason_REASON_SESSION_FORK), honest, is(sim.V7)},
	{"sessions without limit", sim.IntentUnchecked(pb.Reason_REASON_SESSION_LIMIT), honest, is(sim.V7)},
	{"unknown tool", sim.IntentUnchecked(pb.Reason_REASON_TOOL_UNKNOWN), honest, is(sim.V7)},
	{"forbidden tool", sim.IntentUnchecked(pb.Reason_REASON_TOOL_FORBIDDEN), honest, is(sim.V7)},
	{"another action", sim.IntentUnchecked(pb.Reason_REASON_ACTION_MISMATCH), honest, is(sim.V7)},
	{"limit", sim.IntentUnchecked(pb.Reason_REASON_LIMIT_EXCEEDED), honest, is(sim.V7)},
	{"policy", sim.IntentUnchecked(pb.Reason_REASON_POLICY_FORBIDDEN), honest, is(sim.V7)},
	{"arguments' type", sim.IntentUnchecked(pb.Reason_REASON_ARGUMENTS_INVALID), honest, is(sim.V7)},
	{"arguments' digest", sim.IntentUnchecked(pb.Reason_REASON_ARGUMENTS_DIGEST), honest, is(sim.V7)},
	{"unreadable list", sim.IntentUnchecked(pb.Reason_REASON_PAYLOAD_MALFORMED), honest, is(sim.V7)},
	// The enforcer around it.
	{"re-sends decided again", sim.Resends, honest, is(sim.V7)},
	{"no recovery", sim.NoRecovery, honest, is(sim.S5, sim.V7)},
	{"half a recovery", sim.ShortRecovery, honest, is(sim.S5, sim.V7)},
	{"an undecided tail forgotten", sim.ForgetsUndecided, honest, is(sim.S5, sim.V7)},
	// core/ledger and core/governance.
	{"pulses replayed", sim.NoiseAccepted(pb.Reason_REASON_NOISE_REPLAY), copying, is(sim.S1, sim.S4)},
	{"pulses hoarded", sim.NoiseAccepted(pb.Reason_REASON_NOISE_STALE), copying, is(sim.S1, sim.S4)},
	{"a stranger's pulses", sim.NoiseAccepted(pb.Reason_REASON_NOISE_SIGNER), bold, is(sim.S1, sim.S4)},
	{"an agent's pulses", sim.NoiseAccepted(pb.Reason_REASON_NOISE_ROLE), bold, is(sim.S1, sim.S4)},
	{"resumes replayed", sim.ResumeAll, lyingQuorumCopied, is(sim.S1, sim.S3)},
	{"one governor resumes", sim.OneGovernor, lyingQuorum, is(sim.S1, sim.S3)},
}

func is(i ...sim.Invariant) []sim.Invariant { return i }

// honest is a world whose followers are shown everything as it is.
func honest(c *sim.Config) {
	c.Liars, c.Copies, c.Withholds, c.LyingTime = 0, false, false, false
}

func bold(c *sim.Config)        { honest(c); c.Bold = true }
func copying(c *sim.Config)     { bold(c); c.Copies = true }
func withholding(c *sim.Config) { bold(c); c.Withholds, c.Prompt = true, true }
func twoOfThree(c *sim.Config)  { bold(c); c.Threshold, c.Copies = 2, true }
func oneLiar(c *sim.Config)     { bold(c); c.Threshold, c.Liars = 2, 1 }
func lyingQuorum(c *sim.Config) { bold(c); c.Threshold, c.Liars = 1, 1 }

func lyingQuorumCopied(c *sim.Config) { lyingQuorum(c); c.Copies = true }

// maxSeeds is within how many runs each flaw must be found.
const maxSeeds = 300

func TestEveryFlawIsFound(t *testing.T) {
	for _, f := range flaws {
		t.Run(f.name, func(t *testing.T) {
			for seed := range uint64(maxSeeds) {
				cfg := sim.NewConfig(seed)
				f.world(&cfg)
				r := sim.Run(cfg, f.flaw, sim.NewSteps(seed, 300), nil)
				if r.Failure == nil {
					continue
				}
				if !slices.Contains(f.breaks, r.Failure.Invariant) {
					t.Fatalf("seed %d: %v; it should break one of %v", seed, r.Failure, f.breaks)
				}
				t.Logf("seed %d: %v", seed, r.Failure)
				return
			}
			t.Errorf("no seed of %d finds it", maxSeeds)
		})
	}
}
