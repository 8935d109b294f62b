// Package proof makes and judges proof files: everything that it takes to show,
// offline and to anybody who trusts one genesis digest, what became of one
// intent. A file holds the records that the matter rests on, each with its
// inclusion proof, and one checkpoint that covers them all.
//
// Gatherer and Collector make a file from a ledger that is read twice; Verify
// judges one. Verify trusts nothing in the file: it folds the records through the
// same core that enforcers and executors run and derives every ruling again. What
// a few records cannot show, it lists as not established. TLogProof, Statement
// and Envelopes say parts of it in the formats of others (C2SP tlog-proof, in-toto
// Attestation, DSSE).
package proof
