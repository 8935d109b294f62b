// Package transcript tells a ledger to people and programs: one line for each
// record or item, with the ruling on each claim, and the whole story of one
// intent with its verdict derived again.
//
// It is a follower like any other: it folds the ledger with the same pure
// functions as the services do, writes nothing, and believes nothing that a
// signature or the fold does not support.
//
// # The JSON form of a line
//
// A line is one object. Its fields are stable: new ones may be added, those
// that exist keep their names and meanings. Fields that do not apply are absent.
//
//	position   "seq.index" on the ledger; index is 0 where the record is no list
//	log_time   RFC 3339, UTC: the running maximum of the stream's timestamps
//	kind       credential, intent, decision, claim, outcome, governance,
//	           approval, pulse or noise
//	by         SPIFFE IDs of those whose signature verified; absent for noise
//	text       the story of the line as people read it
//	<kind>     one object named like the kind; see the type of that name
//
// Digests and key ids are lower-case hexadecimal, reasons are codes of the table
// in package schemas, durations are absent: subtract times.
package transcript
