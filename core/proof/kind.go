package proof

import (
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Kind is what a file claims about its intent. All but KindClaimed are final
// states, named as core/audit names them.
type Kind string

// The kinds of proofs.
const (
	KindExecuted      Kind = "executed"
	KindFailed        Kind = "failed"
	KindInterrupted   Kind = "interrupted"
	KindAbandoned     Kind = "abandoned"
	KindIndeterminate Kind = "indeterminate"
	KindClaimed       Kind = "claimed" // a valid claim stands; its outcome is not in the file
	KindVoid          Kind = "void"    // one claim on it is void
	KindDenied        Kind = "denied"
	KindEvaluated     Kind = "evaluated" // allowed, and asked for a decision only
	KindExpired       Kind = "expired"
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{KindExecuted, KindFailed, KindInterrupted, KindAbandoned, KindIndeterminate, KindClaimed, KindVoid, KindDenied, KindEvaluated, KindExpired}
}

var kindOfStatus = map[pb.Status]Kind{
	pb.Status_STATUS_EXECUTED:      KindExecuted,
	pb.Status_STATUS_FAILED:        KindFailed,
	pb.Status_STATUS_INTERRUPTED:   KindInterrupted,
	pb.Status_STATUS_ABANDONED:     KindAbandoned,
	pb.Status_STATUS_INDETERMINATE: KindIndeterminate,
}

// concluded reports whether the kind is that of a claim with its outcome.
func (k Kind) concluded() bool {
	for _, other := range kindOfStatus {
		if k == other {
			return true
		}
	}
	return false
}

// ofClaim reports whether the kind is about one claim.
func (k Kind) ofClaim() bool { return k.concluded() || k == KindClaimed || k == KindVoid }
