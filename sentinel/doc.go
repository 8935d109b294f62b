// Package sentinel is the watchdog. It follows the ledger and all heartbeats,
// judges by the rules of core/drift whether the zone is still what its governors
// signed, and says so twice a second: it pulses while all is well, and trips when
// something drifts. Without a fresh pulse no claim is valid, so when the last
// sentinel falls silent, everything stops (S4).
//
// It pulses only after it has read its own ledger to the end, found the server
// as durable as the release demands, heard itself and whoever the release
// requires, completed a round trip to the stream's leader with the pulse before,
// and seen a trip on the ledger for everything that calls for one. Under a trip it
// goes on: what is not halted needs its pulse, and heads must be compared.
//
// It compares every checkpoint that a recorder of the release signs with those
// before, and names the newest in its pulses, so that the ledger itself says what
// its tree was. A recorder that finds its ledger behind or different says so in
// its heartbeats; the sentinel trips on that too (checkpoint.fork).
//
// Several sentinels need no election. Each judges for itself and adds no trip
// where one in force covers what it found.
//
// It begins W before the ledger's end, so that a restart does not read
// everything. Claims from before that are unknown to it: an outcome of one of
// them is not rogue, nor is one of them stuck. What drifted within W and was
// never resumed trips again, or for the first time.
package sentinel
