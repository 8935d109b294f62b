// Package recorder keeps a ledger's history safe from whoever runs its broker: it
// follows the ledger from the first record, keeps the Merkle tree over all of it
// on its own disk (core/lineage, recorder/tiles), and signs a checkpoint of that
// tree every half second in which something new was written. It publishes its
// checkpoints, asks witnesses to cosign them (C2SP tlog-witness), and serves the
// tree to whoever wants to check (C2SP tlog-tiles).
//
// At every start, and whenever the ledger proves to be another one than before,
// it compares the ledger with what it has signed: its own tree on disk, record by
// record, and the checkpoints that were published beyond that. What its own keys
// signed counts, also where the ledger was brought back to a time at which it knew
// neither these keys nor that tree. A ledger that is behind or different is a
// fork. The recorder then signs nothing, and its heartbeats say checkpoint.fork, on
// which sentinels trip. It goes on only when governors have signed for the loss:
// the old tree is set aside, unchanged, and a new one begins under an origin that
// nothing was signed for, over what the ledger holds now.
//
// What it cannot know: a ledger that lost records which no checkpoint covered
// yet looks like one that never had them.
package recorder
