package mcp

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Refusal is what a client is told of a call that was not let through or did not
// end well: the data of the error, or of the result's _meta. Positions are
// "sequence.index"; fields that do not apply are left out.
type Refusal struct {
	Verdict     string   `json:"verdict,omitempty"` // DENY, or ALLOW of what was not executed
	Status      string   `json:"status,omitempty"`  // of the outcome
	Pending     bool     `json:"pending,omitempty"` // people were asked and have not answered
	Intent      string   `json:"intent,omitempty"`
	IntentAt    string   `json:"intent_at,omitempty"`
	DecidedAt   string   `json:"decided_at,omitempty"`
	Claim       string   `json:"claim,omitempty"`
	OutcomeAt   string   `json:"outcome_at,omitempty"`
	Reasons     []string `json:"reasons,omitempty"`
	Policies    []string `json:"policies,omitempty"`
	Explanation string   `json:"explanation,omitempty"`
}

// metaName is where a refusal stands in the _meta of a result.
const metaName = "portcullis.dev/refusal"

// refusal answers a call that has no answer of the server's.
func (s *Session) refusal(id json.RawMessage, err error) []byte {
	text, data := describe(err)
	if s.cfg.Refusals == RefuseWithResult {
		return jsonrpc.Success(id, map[string]any{
			"content": []any{map[string]string{"type": "text", "text": text}},
			"isError": true, "resultType": "complete", "_meta": map[string]any{metaName: data},
		})
	}
	return jsonrpc.Failure(id, jsonrpc.CodeDenied, text, data)
}

// describe says in words and in fields why there is no answer.
func describe(err error) (string, Refusal) {
	var refused *agent.Refused
	var not *agent.NotExecuted
	var silent *agent.Unanswered
	switch {
	case errors.As(err, &refused):
		return describeDeny(refused)
	case errors.As(err, &not):
		return "Portcullis: the call was allowed and not completed: " + not.Error(), Refusal{
			Verdict: "ALLOW", Status: strings.TrimPrefix(not.Status.String(), "STATUS_"), Reasons: schemas.ReasonCodes([]pb.Reason{not.Reason}),
			Intent: not.Intent.String(), Claim: not.Claim.String(), OutcomeAt: not.At.String(), Explanation: not.Explanation,
		}
	case errors.As(err, &silent):
		return "Portcullis: " + silent.Error(), Refusal{Intent: silent.Intent.String()}
	case err == nil: // executed, and the answer is not here: nobody can tell the client what it says
		return "Portcullis: the call was executed, and its answer was lost", Refusal{Verdict: "ALLOW", Status: "EXECUTED"}
	default:
		return "Portcullis: the tool was not run: " + err.Error(), Refusal{Explanation: err.Error()}
	}
}

func describeDeny(r *agent.Refused) (string, Refusal) {
	data := Refusal{
		Verdict: "DENY", Intent: r.Intent.String(), IntentAt: r.At.String(), DecidedAt: r.DecidedAt.String(),
		Reasons: schemas.ReasonCodes(r.Reasons), Policies: r.Policies, Explanation: r.Explanation,
	}
	for _, reason := range r.Reasons {
		data.Pending = data.Pending || reason == pb.Reason_REASON_APPROVAL_PENDING
	}
	if data.Pending {
		return "Portcullis: nobody approved the call in time: " + r.Error(), data
	}
	return "Portcullis: " + r.Error(), data
}
