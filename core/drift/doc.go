// Package drift judges whether a zone is still what its governors signed
// (PROTOCOL.md section 10). A Watch is told what one sentinel reads, the
// ledger's records and the participants' heartbeats, and says what drifts.
//
// The table of rules is in package schemas: names, units, default thresholds,
// how far a trip can be narrowed. Here, each rule is one function in a file of
// its own, or beside its twin. A rule is of one of two sorts:
//
//   - A condition holds or does not hold: somebody is silent, a claim has no
//     outcome. It is judged anew each time, so it trips again after a resume if it
//     still holds.
//   - An event has happened: two decisions differ, an outcome had no permit. It is
//     told until governors settle it: by a resume that lifts a trip of its rule,
//     or, of a rule that only warns, by any resume. A Watch that starts later and
//     reads both settles it in the same way.
//
// Time comes in as a value. What is said of the ledger is measured in log time;
// who is silent is measured between two heartbeats that the sentinel hears, one
// of which is its own: whoever does not hear himself cannot say that others are
// silent. Memory is bounded; nobody without standing can fill any of it.
package drift
