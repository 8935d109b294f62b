package policy

import "fmt"

// Code says how a Result came about. Only [Allowed] allows.
type Code uint8

// The codes, in the order in which they are tried where several apply.
const (
	Unevaluated      Code = iota // the zero Code: nothing was decided
	ToolUnknown                  // the tool is not in the registry
	PrincipalInvalid             // principal or delegator does not fit its declaration
	ResourceInvalid              // the resource is empty, too long or unprintable
	ArgumentsInvalid             // an argument is not as declared
	ContextInvalid               // a context attribute is not as declared
	StateInvalid                 // session, usage, approvals or log time are unusable
	InternalError                // the evaluator failed in a way that it must not
	Forbidden                    // a forbid matched
	EvaluationError              // a policy could not be evaluated, and none forbade
	DefaultDeny                  // no permit matched
	ApprovalPending              // permits matched, and all wait for more approvals
	Allowed                      // a permit matched and nothing stood against it
)

var codeNames = [...]string{
	Unevaluated:      "unevaluated",
	ToolUnknown:      "tool_unknown",
	PrincipalInvalid: "principal_invalid",
	ResourceInvalid:  "resource_invalid",
	ArgumentsInvalid: "arguments_invalid",
	ContextInvalid:   "context_invalid",
	StateInvalid:     "state_invalid",
	InternalError:    "internal_error",
	Forbidden:        "forbidden",
	EvaluationError:  "evaluation_error",
	DefaultDeny:      "default_deny",
	ApprovalPending:  "approval_pending",
	Allowed:          "allowed",
}

// String returns the stable name of the code, lower case with underscores.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// Codes returns every code, in order.
func Codes() []Code {
	all := make([]Code, len(codeNames))
	for i := range all {
		all[i] = Code(i)
	}
	return all
}

const (
	maxErrors     = 16
	maxErrorBytes = 300
)

// Result is the answer to a Request. The zero Result denies.
type Result struct {
	Allow bool
	Code  Code

	// Policies are the ids of the policies that decided, sorted: the permits of
	// an allow or a pending approval, the forbids of Forbidden, those that could
	// not be evaluated of EvaluationError. Otherwise empty.
	Policies []string

	// Errors are messages for people, sorted, at most 16 of at most 300 bytes.
	// Equal requests get equal messages.
	Errors []string

	// Approvals is how many approvals the intent needs in all, when Code is
	// ApprovalPending.
	Approvals int
}

func (no *refusal) result() Result {
	return Result{Code: no.code, Errors: []string{no.message}}
}
