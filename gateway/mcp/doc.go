// Package mcp puts Portcullis between an agent platform and a server of the Model
// Context Protocol. Messages pass byte for byte; two are looked into. A tools/call
// becomes an intent on the ledger and goes on, once, with its permit. A tools/list
// is compared with the definitions that the release pins, and tools that could not
// be called anyway are left out of it.
//
// The way of a call: Session.Call → agent.Propose → the ledger → enforcers →
// executor → desk.Desk.Handle, on a permit → Peer.Forward → the server → Outcome →
// the answer, as the server wrote it.
//
// The gateway is agent and executor in one process: what it forwards has a valid
// claim, by the same code as everywhere, and its executor acts on no intent but
// those that the gateway itself waits for. Whatever fails, the tool does not run.
package mcp
