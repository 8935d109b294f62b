// Package evidence keeps a ledger outside of its broker: in export files, which
// anybody can audit offline, and in archives, which are folders of them.
//
// An export is read and written as a stream, in bounded memory. Reading one
// verifies that it is whole and unaltered since it was written, no more: what its
// records are worth is for [Audit] to say, which trusts nothing but the digest of
// genesis that the caller has from elsewhere. docs/evidence.md specifies the
// format byte by byte.
package evidence
