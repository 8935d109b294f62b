// Package agent is the SDK for whoever acts: it proposes intents and waits for
// what became of them.
//
//	a, err := agent.Open(ctx, cfg)
//	out, err := a.Propose(ctx, agent.Request{Tool: "file-read", Resource: "notes.txt", Arguments: args})
//
// Propose returns an Outcome only if the action was executed. Everything else is
// a typed error: *Refused (a verdict, with reasons), *NotExecuted (it was
// allowed, and failed, was interrupted, abandoned, or nobody knows), or
// *Unanswered (nothing can start any more, and the ledger knows the rest). The
// same intent is sent again after an unknown answer, never doubled: the ledger
// settles duplicates by digest.
package agent
