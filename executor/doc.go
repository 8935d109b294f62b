// Package executor is the PEP: it acts on intents, and only on a permit.
//
// The way of a decision through here: feed → permit.Book.Decide (a quorum
// allows) → claim (by rendezvous rank) → outbox → the ledger → feed →
// permit.Book.Claim (one's own claim, read back, is valid) → Permit.Spend → the
// handler → Outcome → outbox → the ledger, and an answer to the agent.
//
// An executor starts disarmed and acts only while it is armed: caught up, live,
// a fresh pulse read, its clock within bounds. Nothing is ever retried by
// itself: a claim that came too late is abandoned, a crash is reported as
// INDETERMINATE by the next incarnation.
package executor
