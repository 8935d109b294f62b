package audit

import "time"

// Rule names what a finding is about. Rules that sentinels know too have their
// names (schemas.DriftRules).
type Rule string

// The rules of an audit.
const (
	RuleGenesis    Rule = "ledger.genesis"      // the first record is not the pinned genesis
	RuleOrder      Rule = "ledger.order"        // a position is missing, doubled or out of order
	RuleCheckpoint Rule = "checkpoint.fork"     // a checkpoint does not fit these records, or does not verify
	RuleHead       Rule = "governance.mismatch" // a record names a governance head that is not on this chain
	RuleSpan       Rule = "pulse.span"          // a sentinel read other records than these
	RuleDivergence Rule = "decision.divergence" // two enforcers decided otherwise in one round
	RuleReplay     Rule = "replay.mismatch"     // a recorded verdict is not the one that the records give
	RuleRogue      Rule = "outcome.rogue"       // an outcome without a valid claim, or a second one
	RuleStart      Rule = "outcome.late"        // an action began later after its claim than the start bound allows
	RuleStuck      Rule = "claim.stuck"         // a valid claim without an outcome
	RuleCount      Rule = "intent.count"        // the final states do not add up
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
