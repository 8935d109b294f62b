// Package governance folds the governance records of a ledger into the state
// that everything else rests on: the release in force, the governors, the
// halted scopes, the revocations, the epoch and the governance head.
//
// The chain is folded, not carried by its authors: head n is the hash of head
// n-1, the position and the payload of record n. Two governors who write at
// once therefore cannot void each other, and a halt takes effect wherever it
// lands, once. Every record that takes effect opens a new epoch, so the epoch
// is the number of the head.
//
// The zero State is halted: before genesis and a first release everything is
// denied.
package governance
