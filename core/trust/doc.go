// Package trust answers one question: who signed these bytes?
//
// It holds identities (SPIFFE IDs of the form spiffe://<trust
// domain>/<zone>/<role>/<name>), Ed25519 signing keys, DSSE envelopes and
// credentials, the key bindings that tie a signing key to an identity. What an
// identity may do is not its business: that comes from the release.
//
// One verification rule holds everywhere: the standard library's Ed25519. Other
// libraries accept a different set of signatures, and two enforcers that
// disagree about a signature would disagree about a verdict.
//
// The package is pure: time is a value, bytes come from the caller.
package trust
