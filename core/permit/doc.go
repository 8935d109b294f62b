// Package permit answers the one question on which safety rests: is this claim
// valid at this position of the ledger?
//
// Book folds decisions and claims. A claim is valid when a quorum of enforcers
// has signed ALLOW for exactly these bytes before it, in the epoch that holds
// at the claim, the deadline has not passed, nothing in scope is halted, a
// fresh pulse whose head lies on the chain stands before it, nobody involved is
// revoked, and no earlier claim for the intent was valid (S1, S2, S4). Every
// condition is read from the ledger; none depends on who asks or when.
//
// A Permit is the only way to reach an action. Book alone makes one, for the
// owner of a valid claim; its zero value refuses; it is spent once (S3).
package permit
