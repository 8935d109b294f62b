// Package verdict decides intents: it is the pure function from a ledger's
// prefix to a Decision.
//
// State is what verdicts depend on besides governance and credentials: open
// sessions, intents seen, and what limits have been charged. Decide derives a
// decision from State and the ledger's fold at the intent's position; Apply
// folds a decision into State. Both a decision just derived and one recorded by
// a quorum are applied by the same function, so an enforcer that starts from
// the records of the last W reaches the state of one that ran for a year.
//
// Everything in State expires. What an entry needs to know of the release is
// fixed when it is made, so that a change of the release changes no entry.
package verdict
