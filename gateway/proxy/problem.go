package proxy

import (
	"errors"
	"net/http"
	"strings"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/gateway/proxy/mapping"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ProblemType is the media type of a Problem.
const ProblemType = "application/problem+json"

// Problem is what a client is told of a request that was not let through or did not
// end well: problem details as RFC 9457 has them, with members of ours. Positions are
// "sequence.index"; members that do not apply are left out.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"` // of HTTP
	Detail string `json:"detail"`

	Sent      bool     `json:"sent"`              // the API may have got the request
	Verdict   string   `json:"verdict,omitempty"` // DENY, or ALLOW of what was not executed
	Outcome   string   `json:"outcome,omitempty"` // its status on the ledger
	Pending   bool     `json:"pending,omitempty"` // people were asked and have not answered
	Intent    string   `json:"intent,omitempty"`
	IntentAt  string   `json:"intent_at,omitempty"`
	DecidedAt string   `json:"decided_at,omitempty"`
	Claim     string   `json:"claim,omitempty"`
	OutcomeAt string   `json:"outcome_at,omitempty"`
	Reasons   []string `json:"reasons,omitempty"`
	Policies  []string `json:"policies,omitempty"`
}

// ProblemOf says in words and in members why there is no answer. Sent says that the
// act had begun.
func ProblemOf(err error, sent bool) Problem {
	var refused *agent.Refused
	var not *agent.NotExecuted
	var silent *agent.Unanswered
	switch {
	case errors.As(err, &refused):
		return denied(refused)
	case errors.As(err, &not):
		return notExecuted(not, sent)
	case errors.As(err, &silent):
		return unanswered(silent, sent)
	case err == nil: // executed, and the answer is not here: nobody can tell the client what it says
		return Problem{Title: "The answer was lost", Status: http.StatusBadGateway, Sent: true, Verdict: "ALLOW", Outcome: "EXECUTED", Detail: "the request was carried out, and its answer was lost"}
	case sent:
		return Problem{Title: "Nobody knows what came of it", Status: http.StatusGatewayTimeout, Sent: true, Detail: err.Error()}
	default:
		return Problem{Title: "Not proposed", Status: http.StatusServiceUnavailable, Detail: "nothing was forwarded: " + err.Error()}
	}
}

// Refusal is the problem of a request that was never proposed.
func Refusal(err error) Problem {
	status := http.StatusBadRequest
	if f, ok := errors.AsType[*mapping.Fault](err); ok {
		status = f.Status
	}
	return Problem{Title: "No request that is served here", Status: status, Detail: err.Error()}
}

func denied(r *agent.Refused) Problem {
	p := Problem{
		Title: "Denied", Status: http.StatusForbidden, Detail: r.Error(), Verdict: "DENY", Intent: r.Intent.String(),
		IntentAt: r.At.String(), DecidedAt: r.DecidedAt.String(), Reasons: schemas.ReasonCodes(r.Reasons), Policies: r.Policies,
	}
	for _, reason := range r.Reasons {
		if reason == pb.Reason_REASON_APPROVAL_PENDING {
			p.Title, p.Pending = "Nobody approved it in time", true
		}
	}
	return p
}

// notExecuted tells apart what certainly was not done from what nobody knows.
func notExecuted(e *agent.NotExecuted, sent bool) Problem {
	p := Problem{
		Title: "Not carried out", Status: http.StatusBadGateway, Detail: e.Error(), Sent: sent, Verdict: "ALLOW",
		Outcome: strings.TrimPrefix(e.Status.String(), "STATUS_"), Reasons: schemas.ReasonCodes([]pb.Reason{e.Reason}),
		Intent: e.Intent.String(), Claim: e.Claim.String(), OutcomeAt: e.At.String(),
	}
	switch e.Status {
	case pb.Status_STATUS_INDETERMINATE, pb.Status_STATUS_INTERRUPTED:
		p.Title, p.Status, p.Sent = "Nobody knows what came of it", http.StatusGatewayTimeout, true
	case pb.Status_STATUS_ABANDONED:
		p.Status = http.StatusServiceUnavailable
	case pb.Status_STATUS_UNSPECIFIED, pb.Status_STATUS_EXECUTED, pb.Status_STATUS_FAILED:
	}
	return p
}

func unanswered(e *agent.Unanswered, sent bool) Problem {
	p := Problem{Title: "No answer before the deadline", Status: http.StatusServiceUnavailable, Detail: e.Error(), Intent: e.Intent.String(), Sent: sent}
	if sent {
		p.Status = http.StatusGatewayTimeout
	}
	return p
}

// JSON is the problem as it is sent.
func (p Problem) JSON() []byte {
	text, err := jsonrpc.Encode(p)
	if err != nil { // texts, numbers and bools have a JSON form
		return []byte(`{"title":"A problem that could not be told","status":500}`)
	}
	return text
}
