package agent

import (
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Sentinels for errors.Is.
var (
	ErrRefused    = errors.New("agent: refused")
	ErrUnanswered = errors.New("agent: unanswered")
	ErrClosed     = errors.New("agent: closed")
	// ErrNotSent: the intent is definitely not on the ledger; it may be proposed
	// anew, in a new session.
	ErrNotSent = errors.New("agent: not sent")
)

// Refused is a DENY. errors.Is matches ErrRefused.
type Refused struct {
	Intent      trust.Digest
	At          ledger.Position // where the intent stands
	DecidedAt   ledger.Position // where the decision stands
	Reasons     []pb.Reason
	Policies    []string // policies that determined it
	Explanation string   // for people
}

func (e *Refused) Error() string {
	codes := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		codes[i] = schemas.ReasonCode(r)
	}
	text := fmt.Sprintf("refused (%s) at ledger position %s", strings.Join(codes, ", "), e.DecidedAt)
	if e.Explanation != "" {
		text += ": " + e.Explanation
	}
	return text
}

// Is matches ErrRefused.
func (*Refused) Is(target error) bool { return target == ErrRefused }

// NotExecuted is an action that was allowed and claimed, and did not succeed.
type NotExecuted struct {
	Intent      trust.Digest
	Status      pb.Status // never EXECUTED
	Reason      pb.Reason
	Claim       ledger.Position
	At          ledger.Position // where the outcome stands
	Explanation string
}

func (e *NotExecuted) Error() string {
	status := strings.ToLower(strings.TrimPrefix(e.Status.String(), "STATUS_"))
	text := fmt.Sprintf("%s (%s) at ledger position %s", status, schemas.ReasonCode(e.Reason), e.At)
	if e.Explanation != "" {
		text += ": " + e.Explanation
	}
	return text
}

// Unanswered says that the deadline is over and no answer came. Nothing can start any
// more; whether something did is on the ledger. errors.Is matches
// ErrUnanswered.
type Unanswered struct {
	Intent  trust.Digest
	Allowed bool  // an ALLOW was heard of
	Stored  bool  // the ledger acknowledged the intent
	Cause   error // the last error of sending, if any
}

func (e *Unanswered) Error() string {
	text := "no answer before the deadline; see: portcullis show " + e.Intent.String()
	if !e.Stored {
		text = "no answer before the deadline, and the ledger never acknowledged the intent; see: portcullis show " + e.Intent.String()
	}
	if e.Cause != nil {
		text += " (" + e.Cause.Error() + ")"
	}
	return text
}

// Is matches ErrUnanswered.
func (*Unanswered) Is(target error) bool { return target == ErrUnanswered }

// Unwrap is the cause.
func (e *Unanswered) Unwrap() error { return e.Cause }
