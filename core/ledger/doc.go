// Package ledger reads a zone's ledger: it turns the raw messages of one
// stream, in order, into authentic records, and everything else into noise.
//
// Every follower runs the same two steps for each message. Parse looks at one
// message alone and may run in parallel, ahead of the fold: it decodes the
// envelope and, where the key is known already, checks the signature. Fold.Step
// runs in order: it keeps log time, credentials, governance and the newest
// pulse, and decides by them whether the message is a valid, authorised record
// for its subject. What is not is noise: it is reported with a reason and a
// position, and changes nothing but log time.
package ledger
