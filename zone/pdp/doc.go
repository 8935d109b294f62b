// Package pdp answers questions instead of intents: would this be allowed now? The
// core that decides intents answers, on the same bytes that an intent would have,
// from what the ledger says up to some position. Nothing is written and nothing is
// charged, so nothing that it says authorises anything: an executor acts on a
// decision that stands on the ledger, and on nothing else.
//
// The way of a question: Follower.Ask → Core.Decide → verdict.Read, of the intent
// that it would be → verdict.State.Decide → Answer.
//
// A Core is at the end of one prefix of a ledger, and its answer is a function of
// that prefix and the question. A Follower keeps one at the end of a ledger that
// grows, and refuses to answer while it cannot tell what holds now.
package pdp
