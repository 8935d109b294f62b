// Package governing is the console's governance: what is in force, what a halt would
// stop and a resume allow again, what waits for people, and the way to the ledger for
// records that governors and approvers have signed in their browser or elsewhere.
//
// It has no signing key. Records are carried over connections of governors and
// approvers whose connection seeds are in the data folder (fabric.Seat); whether a
// record counts, its signatures say, and the ledger's followers judge them.
package governing
