// Package lineage makes a ledger tamper-evident: it says what one position of the
// ledger is worth as a leaf, keeps the Merkle tree over all of them (RFC 6962,
// section 2.1), and reads the checkpoints that recorders sign and witnesses
// cosign (C2SP tlog-checkpoint, tlog-cosignature). The tree's arithmetic is
// golang.org/x/mod/sumdb/tlog's.
//
// Leaf i of a tree is the record at position i+1, noise too. A tree begins with
// the ledger's first record and only ever grows. When governors sign for a loss,
// a new tree with another origin begins, over what the ledger holds from then on.
package lineage
