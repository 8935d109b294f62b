// Package enforcer is the PDP: it follows a zone's ledger, decides every
// authentic intent in order, and appends its signed decisions.
//
// The way of an intent through here: feed → verdict.Read (ahead, in parallel) →
// verdict.Decide (in order) → publish (by rank) → outbox → the ledger, and an
// answer to the agent. An enforcer that cannot compute stays silent; the
// deadline denies. It never guesses.
package enforcer
