package audit

import "time"

// Rule names what a finding is about. Rules that sentinels know too have their
// names (schemas.DriftRules).
type Rule string

// The rules of an audit.
const (
	RuleGenesis    Rule = "ledger.genesis"      // the first record is not the pinned genesis
	RuleOrder      Rule = "ledger.order"        // a position is missing, doubled or out of order
	RuleCheckpoint Rule = "checkpoint.fork"     // a checkpoint, or a loss, does not fit these records; or a checkpoint does not verify
	RuleHead       Rule = "governance.mismatch" // a record names a governance head that is not on this chain, or one that is too old
	RuleSpan       Rule = "pulse.span"          // a sentinel read other records than these
	RuleDivergence Rule = "decision.divergence" // two enforcers decided otherwise in one round
	RuleReplay     Rule = "replay.mismatch"     // a recorded verdict is not the one that the records give
	RuleRogue      Rule = "outcome.rogue"       // an outcome without a valid claim, a second one, or one that contradicts its claim
	RuleStart      Rule = "outcome.late"        // an action began later after its claim than the start bound allows, or does not say when
	RuleStuck      Rule = "claim.stuck"         // a valid claim without an outcome
	RuleCount      Rule = "intent.count"        // the final states do not add up
	RuleBlind      Rule = "audit.blind"         // recorded verdicts could not be derived again, although all were given that quorums decided
	RuleExport     Rule = "export.broken"       // the file is cut off, altered or none (packages that read files)
)

// Finding is one thing that must not be.
type Finding struct {
	Rule     Rule      `json:"rule"`
	Position string    `json:"position,omitempty"` // "seq" or "seq.index"; "" if it is about the whole
	LogTime  time.Time `json:"log_time,omitzero"`
	Subject  string    `json:"subject,omitempty"` // whom it is about: a SPIFFE ID; "" for nobody
	Detail   string    `json:"detail"`
}
