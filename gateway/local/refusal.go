package local

import (
	"errors"
	"strings"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// refusalOf says why nothing is to be done.
func refusalOf(err error) *Refused {
	var refused *agent.Refused
	var not *agent.NotExecuted
	var silent *agent.Unanswered
	r := &Refused{Text: err.Error()}
	switch {
	case errors.As(err, &refused):
		r.Denied, r.Intent, r.At, r.Reasons = true, refused.Intent.String(), refused.DecidedAt.String(), schemas.ReasonCodes(refused.Reasons)
		for _, reason := range refused.Reasons {
			r.Pending = r.Pending || reason == pb.Reason_REASON_APPROVAL_PENDING
		}
	case errors.As(err, &not):
		r.Intent, r.At, r.Reasons = not.Intent.String(), not.At.String(), schemas.ReasonCodes([]pb.Reason{not.Reason})
	case errors.As(err, &silent):
		r.Intent = silent.Intent.String()
	}
	return r
}

// recordedOf is an outcome in words.
func recordedOf(outcome *agent.Outcome, err error) Recorded {
	var not *agent.NotExecuted
	switch {
	case errors.As(err, &not):
		return Recorded{Status: strings.TrimPrefix(not.Status.String(), "STATUS_"), Intent: not.Intent.String(), At: not.At.String(), Text: not.Error()}
	case err != nil:
		return Recorded{Intent: refusalOf(err).Intent, Text: err.Error()}
	default:
		return Recorded{Status: "EXECUTED", Intent: outcome.Intent.String(), At: outcome.At.String()}
	}
}
