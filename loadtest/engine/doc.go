// Package engine loads a whole zone and says what it did: it makes a fabric of a given size, starts every role, sends
// intents at moments that were fixed beforehand, follows the ledger to tell when each stage of each action was
// reached, and in the end exports the ledger and audits it.
//
// World is a zone under load. Drive sends one load and returns its figures; what else a scenario does to the zone
// meanwhile (halts, releases, noise) has methods of its own. Measure is everything around it: what it cost, what the
// ledger holds, what the audit found.
//
// # Open and closed loop
//
// With a rate, the moments of sending are a schedule that does not wait for answers, and every latency counts from the
// scheduled moment: a zone that stalls is charged for what it kept waiting. Without a rate, a fixed number of actions
// is kept outstanding, each sent when another is answered: that finds the saturation, and its latencies mean no more
// than that number divided by the rate.
//
// # Stages
//
// All stages count from the intended moment of sending, on the one clock of this machine:
//
//   - sent: the agent was asked; what it is late by is the generator's own fault
//   - stored: a follower of the ledger had read the intent
//   - decided: it had read as many decisions on it as must agree
//   - claimed: it had read the first claim on it
//   - started: the executor says that it called the handler
//   - outcome: the follower had read the outcome
//   - answered: the agent had its answer, an outcome or a refusal
package engine
