// Package vectors has what every implementation of the protocol must agree on, as
// JSON that its tests write: signatures in the corners where libraries differ,
// envelopes and lists, intents, what governors and approvers sign in the console's
// page, records that are read or refused, credentials, and proof files with one thing
// altered. Go's own code says what is right; a test keeps the files current. The proof
// files themselves are in core/proof/testdata/vectors.
package vectors
