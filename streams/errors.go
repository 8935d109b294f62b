package streams

import (
	"errors"
	"fmt"
)

// What can be known about an append that did not succeed. Every error of
// Append and AppendAsync is exactly one of the three.
var (
	// ErrRefused: the record is definitely not in the stream and the same
	// append would be refused again: no permission, stream full, too large.
	ErrRefused = errors.New("streams: append refused")

	// ErrUnknown: the record may or may not be in the stream: no answer in
	// time, the connection was lost, or an answer that proves nothing. Only
	// reading the stream tells.
	ErrUnknown = errors.New("streams: append outcome unknown")

	// ErrUnreachable: the record was not sent, or nobody took it: not
	// connected, or the stream has no leader. It is not in the stream.
	ErrUnreachable = errors.New("streams: ledger unreachable")
)

// Why following or reading ends.
var (
	// ErrRegressed: the stream ends before, or differs at, what was already
	// read. It was restored from an older copy, or lost acknowledged records.
	ErrRegressed = errors.New("streams: stream regressed")

	// ErrMissing: the stream has a hole. Use errors.As with *MissingError for
	// the positions.
	ErrMissing = errors.New("streams: records missing")

	// ErrClosed: the Conn was closed.
	ErrClosed = errors.New("streams: connection closed")
)

// AppendError tells what is known about one failed append. errors.Is matches
// its class (ErrRefused, ErrUnknown or ErrUnreachable) and its cause.
type AppendError struct {
	Class   error  // ErrRefused, ErrUnknown or ErrUnreachable
	Subject string // where the record was to go
	Code    int    // JetStream API error code, 0 if none
	Cause   error  // what happened
}

func (e *AppendError) Error() string {
	return fmt.Sprintf("%v: subject %s: %v", e.Class, e.Subject, e.Cause)
}

func (e *AppendError) Unwrap() []error { return []error{e.Class, e.Cause} }

// MissingError names the positions that a stream should have and lacks, both
// included. errors.Is matches ErrMissing.
type MissingError struct {
	Stream   string
	From, To uint64
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%v: stream %s has no records %d to %d; restore the store from a copy that has them", ErrMissing, e.Stream, e.From, e.To)
}

func (*MissingError) Unwrap() error { return ErrMissing }
