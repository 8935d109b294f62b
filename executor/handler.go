package executor

import (
	"context"
	"errors"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Action is what a handler is asked to do: exactly the bytes that were decided,
// with their sealed arguments opened.
type Action struct {
	// Intent has Tool, Resource, Arguments (JSON), …; it must not be changed. Where
	// Sealed is set, Arguments are what was opened: keep them out of logs and errors.
	Intent *pb.Intent
	Digest trust.Digest
	// Claim is the position of the valid claim, and Token the same as one growing
	// number: the fencing token to hand downstream.
	Claim    ledger.Position
	Token    uint64
	Deadline time.Time
}

// Result is what a handler returns. Data goes to the agent; its SHA-256 goes
// into the Outcome. At most schemas.MaxResult bytes.
type Result struct{ Data []byte }

// Handler acts. It is called at most once for an intent. Its context ends at
// the deadline, at the tool's run limit, and when a halt, a revocation or a
// trip reaches the action; then it should stop and return an error. An error
// that wraps ErrIndeterminate says that the action may have been done all the
// same.
type Handler interface {
	Handle(ctx context.Context, a Action) (Result, error)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, a Action) (Result, error)

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, a Action) (Result, error) { return f(ctx, a) }

// ErrIndeterminate is what a handler wraps when it cannot tell whether the
// action was done: the connection broke after the request was sent, say. The
// outcome is then INDETERMINATE, whatever else happened.
var ErrIndeterminate = errors.New("executor: the handler cannot tell whether the action was done")

// The causes with which an action's context ends; see context.Cause.
var (
	ErrHalted   = errors.New("executor: a halt, revocation or trip reached the action")
	ErrDeadline = errors.New("executor: the deadline or the tool's run limit passed")
	ErrStopping = errors.New("executor: the executor is stopping")
)
