// Package audit judges a ledger from its records alone, as anybody can: it
// derives every verdict again and compares it byte for byte, checks every
// signature, chain, claim, pulse and outcome through the same core that
// enforcers, executors and sentinels run, and gives every intent its one final
// state. It trusts nothing but the digest of genesis.
//
// Audit reads raw records, as an export holds them, and checks the order and the
// Merkle tree too. Judge is the part beneath, for whoever follows a ledger live
// and has a fold already.
package audit
