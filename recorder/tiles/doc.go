// Package tiles keeps the Merkle tree of one ledger on disk, as C2SP tlog-tiles
// lays it out, so that after a crash at any moment the newest checkpoint that was
// written is backed by whole tiles.
//
// A recorder's folder holds
//
//	lock        held by the process that records
//	tree/       the tree that grows
//	  checkpoint                    the newest checkpoint, a signed note
//	  tile/<L>/<N>[.p/<W>]          hashes
//	  tile/entries/<N>[.p/<W>]      entries
//	lost-<n>/   the tree that governors' n-th loss ended, as it was; evidence
//
// Whatever is on disk and not covered by the checkpoint is of no account: it is
// written again from the ledger. Nothing covered is ever written again.
package tiles
