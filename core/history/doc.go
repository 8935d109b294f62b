// Package history answers questions about what a ledger holds: which intent
// caused which, what became of it, who signed what about it, what one release or
// one key touched, and what was allowed at a position.
//
// A History is built in one pass over authentic records, from the ledger's first
// on. Intents are its nodes. An edge leads from a cause to its effect: from a
// parent that an intent names, or from the intent before it in its session. What
// is named and does not stand on the ledger is a node too, marked unknown.
// Decisions, approvals, claims and outcomes hang on the intent that they are
// about; claims are ruled on as executors rule on them (core/permit).
//
// # The JSON forms
//
// Intent, Page, Graph, Chain, Governed, Touched and Standing are what programs
// get. Their fields are stable: new ones may be added, those that exist keep
// their names and meanings. Positions are "seq.index", digests and key ids
// lower-case hexadecimal, times RFC 3339 in UTC, reasons codes of the table in
// package schemas. What people wrote stands there as they wrote it: escape it
// before it reaches a terminal or a page.
package history
