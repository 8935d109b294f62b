// Package fleet measures one broker under many executors: how long a halt takes until the last of them has folded it,
// what each follower costs in memory, and how many heartbeats broker and sentinel take.
//
// # What is simulated
//
// A follower is as much of an executor as a halt reaches: its own connection (unless connections are shared), the
// streams' own Follow, the ledger's own parser and fold, every signature verified, a permit book. A beater is the rest:
// an identity and a key of its own in the release's directory, its own account and connection at the broker, its
// credential on the ledger, and the heartbeats' own Run.
//
// # What is left out
//
// No follower claims or acts, keeps a mark on the disk, or asks whether the broker syncs. Followers stand apart from
// beaters, because of whom a zone has ten thousand every follower holds ten thousand credentials: one process cannot
// hold that ten thousand times. What the fold of such a zone takes is measured once, by itself; a real executor needs
// that besides what a follower needs here. Followers share a few identities; that changes nothing for them, since nobody
// looks at who reads.
//
// Everybody shares the processors of one machine, the broker too. So a figure for the last of N followers contains the
// work of N followers on that machine, where a real one would wait for its own only.
package fleet
