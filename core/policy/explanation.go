package policy

import (
	"fmt"
	"strings"
)

// Explanation says in people's terms how a Result came about. It quotes values
// of the request, arguments included: show it only to who may see those. It is
// deterministic and at most a few dozen kilobytes long.
type Explanation struct {
	Result Result

	// Policies are those that decided; for [DefaultDeny] the permits whose scope
	// is nearest to the request, those first of which most conditions held.
	Policies []RuleExplanation
	Omitted  int // how many more there are
}

// RuleExplanation says what one policy made of the request.
type RuleExplanation struct {
	ID       string
	Effect   string // "permit" or "forbid"
	Reason   string // @reason
	Position Position

	// Scope holds the scope tests that do not match the request. When there are
	// any, Conditions is empty: Cedar does not evaluate them.
	Scope []string

	// Conditions are the conjuncts in the order of evaluation, up to and with
	// the first that does not hold: at most 12, the last ones.
	Conditions []Condition
}

// Condition is one conjunct of a when, or one alternative of an unless.
type Condition struct {
	Text   string // Cedar syntax, without when or unless
	Unless bool   // it must be false to hold
	Holds  bool
	Error  string    // why it could not be evaluated; it does not hold then
	Values []Binding // what the request says about its attributes
}

// Binding is the value of an attribute. Path leaves out context.arguments.
type Binding struct{ Path, Value string }

// String returns what happened to the condition, such as
// `context.arguments.amount <= 1000 was false (amount = 5000)`.
func (c Condition) String() string {
	var b strings.Builder
	if c.Unless {
		b.WriteString("unless ")
	}
	b.WriteString(c.Text)
	if c.Error != "" {
		b.WriteString(" could not be evaluated: " + c.Error)
	} else {
		fmt.Fprintf(&b, " was %t", c.Holds != c.Unless)
	}
	if len(c.Values) > 0 {
		values := make([]string, len(c.Values))
		for i, v := range c.Values {
			values[i] = v.Path + " = " + v.Value
		}
		b.WriteString(" (" + strings.Join(values, ", ") + ")")
	}
	return b.String()
}

// String returns the policy in one line: the scope test or the condition that
// decided against it, or all its conditions when they hold.
func (p RuleExplanation) String() string {
	var said []string
	said = append(said, p.Scope...)
	for _, c := range p.Conditions {
		if !c.Holds {
			said = []string{c.String()}
			break
		}
		said = append(said, c.String())
	}
	if len(said) == 0 {
		said = []string{"applies without condition"}
	}
	text := fmt.Sprintf("%s %q: %s", p.Effect, p.ID, strings.Join(said, "; "))
	if p.Reason != "" {
		text += " — " + p.Reason
	}
	return text
}

// String returns the explanation, one line for the result, one for each error
// and one for each policy.
func (e Explanation) String() string {
	lines := []string{e.Result.Code.String()}
	lines = append(lines, e.Result.Errors...)
	for _, p := range e.Policies {
		lines = append(lines, p.String())
	}
	if e.Omitted > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.Omitted))
	}
	return strings.Join(lines, "\n")
}
