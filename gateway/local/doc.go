// Package local lets short-lived processes of one user act under permits of a gateway
// that lives longer than they do: a hook of an agent platform, or a command that
// wraps another. Agent and executor are in the service; the act is in the client.
//
// The way of an act: Client.Ask → agent.Propose → the ledger → the executor, on a
// permit → desk.Desk.Handle → the line "go" → the client acts → Client.Report →
// Outcome.
//
// They meet at a Unix socket in the data folder, and write one JSON object a line:
// Message. Who is not the same user is turned away, by both ends. What is unknown,
// too long or said twice is refused.
//
// What a service can promise ends where the client begins: an act starts within
// StartWithin of the permit, or not at all; one whose end nobody reports is
// INDETERMINATE.
package local
