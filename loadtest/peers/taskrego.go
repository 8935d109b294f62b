package peers

import (
	"fmt"
	"strings"
)

// Rego is the task for OPA: one rule of Rego for each rule. Each begins with equalities between input and constants, because
// that is what OPA builds an index over: it evaluates the rules of the asker's groups only, however many there are. Of three
// spellings that were tried (this one, functions of group and tool, objects by group and tool) it is the fastest.
func (t *Task) Rego() string {
	var b strings.Builder
	b.WriteString(`package portcullis

default allow := false

allow if {
	permitted
	not forbidden
}

default permitted := false

default forbidden := false
`)
	for _, r := range t.Rules {
		head, condition := "permitted", ""
		if r.Forbid {
			head = "forbidden"
		}
		switch {
		case r.Limit > 0 && r.Forbid:
			condition = fmt.Sprintf("\tinput.arguments.amount > %d\n", r.Limit)
		case r.Limit > 0:
			condition = fmt.Sprintf("\tinput.arguments.amount <= %d\n", r.Limit)
		}
		fmt.Fprintf(&b, "\n# %s\n%s if {\n\tinput.tool == %q\n\tinput.groups[_] == %q\n%s}\n", r.ID, head, r.Tool, r.Group, condition)
	}
	return b.String()
}
