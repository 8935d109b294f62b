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

// CerbosScopes is the task for Cerbos with a scope for each team, which is a level of policies above that of the staff. What a
// team's policy leaves open, the staff's decides. This is the same task only as long as one team of the asker matters, which
// the caller must know: but then Cerbos looks at that team's rules alone.
func (t *Task) CerbosScopes() map[string]string {
	files := make(map[string]string)
	for _, r := range t.Rules {
		kind, scope := kindOf(r.Tool), r.Group
		if scope == staff {
			scope = ""
		}
		for _, s := range []string{"", scope} {
			if name := scopeFile(kind, s); files[name] == "" {
				files[name] = fmt.Sprintf("apiVersion: api.cerbos.dev/v1\nresourcePolicy:\n  resource: %s\n  version: default\n  scope: %q\n", kind, s)
			}
		}
		var b strings.Builder
		name := scopeFile(kind, scope)
		cerbosRule(&b, !strings.Contains(files[name], "rules:"), r)
		files[name] += b.String()
	}
	return files
}

func scopeFile(kind, scope string) string { return strings.ToLower(kind+"-"+scope) + ".yaml" }

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
