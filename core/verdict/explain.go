package verdict

import (
	"strings"

	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// maxExplanation bounds an explanation in bytes (Answer.explanation).
const maxExplanation = 4000

// Explain says in sentences why a decision denies. Request is what policy was
// asked, nil if it was not.
func Explain(rules *Rules, d *pb.Decision, request *policy.Request) string {
	var lines []string
	for _, r := range d.GetReasons() {
		line := schemas.ReasonCode(r) + ": " + schemas.ReasonText(r)
		if byPolicy(r) && request != nil && rules.Policy != nil {
			line += "\n" + rules.Policy.Explain(*request).String()
		}
		lines = append(lines, line)
	}
	text := strings.ToValidUTF8(strings.Join(lines, "\n"), "?")
	if len(text) > maxExplanation {
		text = strings.ToValidUTF8(text[:maxExplanation], "") + " …"
	}
	return text
}

// byPolicy reports whether policy can say more about a reason.
func byPolicy(r pb.Reason) bool {
	switch r { //nolint:exhaustive // all others speak for themselves
	case pb.Reason_REASON_POLICY_DEFAULT_DENY, pb.Reason_REASON_POLICY_FORBIDDEN, pb.Reason_REASON_POLICY_ERROR,
		pb.Reason_REASON_ARGUMENTS_INVALID, pb.Reason_REASON_APPROVAL_PENDING:
		return true
	default:
		return false
	}
}
