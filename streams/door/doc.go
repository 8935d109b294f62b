// Package door stands before a NATS server in this process, and sees to it that no
// agent starves the others. Package streams puts one before every server that it
// runs (gate.go there).
//
// A NATS server reads from each client as fast as it can and has no limit on
// what one of them sends. Agents are the one role that nobody trusts: their
// programs, and whoever talked them into something, may send as fast as the
// network takes it. Everything behind the broker is in one order (one ledger,
// one fold), so what one agent puts in is in everybody's way. It has to wait
// outside.
//
// # What it does
//
// The server does not listen itself, or only where nobody's key opens anything. The
// door accepts connections, opens one
// inside the process for each, and passes bytes on. It lets the server's INFO
// out and reads the client's CONNECT; it verifies that the NKey signed the
// server's nonce, so that it knows who is there before anything counts for or
// against anybody. The server verifies it again.
//
//   - From an agent it reads no faster than [Limits] say: bytes, messages and
//     intents a second, of all connections of that agent together. TCP makes the agent
//     wait; nothing is dropped. Others are read at once.
//   - To a client it never waits: what is not read yet is kept up to a bound, and
//     beyond it the connection ends. So a client that does not read holds up
//     nobody who publishes.
//   - Who has not proved a key yet has few places, a few seconds, and no more
//     than one line.
//
// # What counts
//
// A message is a line of the NATS client protocol: a publish, a subscription, a
// ping. scan.go reads just enough of the protocol to tell where the next line
// begins. It is stricter than the server, so that both always agree on it; what a
// server would read in another way ends the connection. An intent is an item of a
// list in an envelope; items.go counts them as they pass. It does not ask whether
// they are any good: to find that out is the work that is to be limited.
package door
