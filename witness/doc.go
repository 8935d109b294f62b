// Package witness is a small witness of logs: it cosigns their checkpoints (C2SP
// tlog-witness, tlog-cosignature). A log shows it each new checkpoint with a proof
// that the tree continues the one that the witness cosigned last; the witness
// cosigns what it can check and keeps it on disk before it answers.
//
// What a cosignature proves: when the witness signed, this was the largest tree of
// that origin that it had cosigned, the log had signed it with all its keys, and
// every tree that the witness cosigned before is the beginning of this one. Who
// demands the cosignatures of enough witnesses can therefore not be shown a tree
// that forks from what others were shown, nor an earlier one for a newer one,
// unless so many witnesses conspire with the log.
//
// What it does not prove: that what the log holds is true, lawful or complete; the
// witness sees no entry. That the time is right: it is the witness's clock, which
// never goes back from one cosignature to the next. That two witnesses are run by
// two people: choose them so.
//
// A witness is as good as its memory. Its folder holds, for each log, the note
// that it cosigned last. A folder that is restored from an older copy makes the
// witness forget what it cosigned since, and then it would cosign a fork from
// there. It cannot notice that itself: its operator never restores the folder,
// never runs a copy, and after a loss retires the witness and makes another one
// with a new key.
//
// The service speaks plain HTTP. Requests carry their own authority, the log's
// signatures, so it needs no login; a proxy before it may add TLS and hold back
// floods.
package witness
