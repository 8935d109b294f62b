package peers

import (
	"fmt"
	"strings"
)

// CerbosPolicies is the task for Cerbos, by file name: one resource policy for each type of resource, one rule in it for each
// rule. Groups are roles, because that is what Cerbos builds an index over.
func (t *Task) CerbosPolicies() map[string]string {
	files := make(map[string]string)
	for _, kind := range []string{kindOf(toolPay), kindOf(toolRead)} {
		var b strings.Builder
		fmt.Fprintf(&b, "apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: %s\n  version: default\n", kind)
		before := b.Len()
		for _, r := range t.Rules {
			if kindOf(r.Tool) == kind {
				cerbosRule(&b, before == b.Len(), r)
			}
		}
		if b.Len() > before {
			files[strings.ToLower(kind)+".yaml"] = b.String()
		}
	}
	return files
}

func cerbosRule(b *strings.Builder, first bool, r Rule) {
	if first {
		b.WriteString("  rules:\n")
	}
	effect, than := "EFFECT_ALLOW", "<="
	if r.Forbid {
		effect, than = "EFFECT_DENY", ">"
	}
	fmt.Fprintf(b, "    - name: %s\n      actions: [%s]\n      effect: %s\n      roles: [%s]\n", r.ID, r.Tool, effect, r.Group)
	if r.Limit > 0 {
		fmt.Fprintf(b, "      condition: {match: {expr: \"R.attr.amount %s %d\"}}\n", than, r.Limit)
	}
}

// cerbosConfig serves policies of a folder, and keeps nothing.
const cerbosConfig = `server:
  httpListenAddr: "127.0.0.1:%d"
  grpcListenAddr: "127.0.0.1:%d"
storage:
  driver: disk
  disk:
    directory: %q
    watchForChanges: false
telemetry:
  disabled: true
audit:
  enabled: false
`
