package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// Lint returns everything that is wrong with cfg, errors and warnings, in the
// order of their positions. [Compile] fails exactly when one of them is an error.
func Lint(cfg Config) []Finding {
	_, found := analyse(cfg)
	return found
}

// linter looks for what type-checks and still cannot be meant.
type linter struct {
	registry *registry
	fs       *findings
	seen     map[string]string // ids of the rules by their text without annotations
}

func lint(s *Set, fs *findings) {
	l := &linter{registry: s.registry, fs: fs, seen: map[string]string{}}
	for i := range s.rules {
		l.rule(&s.rules[i])
	}
}

func (l *linter) rule(r *rule) {
	l.scope(r)
	l.twin(r)
	scope := &scope{registry: l.registry, tools: l.toolsInScope(r)}
	for _, c := range r.tree.Conditions {
		l.groups(r, c.Body)
		l.recordLiterals(r, c.Body)
		l.misspelt(r, scope, c.Body)
		l.overflow(r, scope, c.Body)
	}
	l.constants(r, scope)
}

// scope checks what the scope alone says.
func (l *linter) scope(r *rule) {
	if uid, ok := uidOf(r.tree.Principal); ok {
		l.group(r, uid)
	}
	if r.forbids() || len(r.tree.Conditions) > 0 {
		return
	}
	_, anyPrincipal := r.tree.Principal.(ast.ScopeTypeAll)
	_, anyResource := r.tree.Resource.(ast.ScopeTypeAll)
	if _, named := actionsOf(r.tree.Action); anyPrincipal && anyResource && !named {
		r.find(l.fs, SeverityError, "permit.everything", "name a principal, an action or a resource, or add a condition", "the policy permits everything to everyone")
	}
}

// twin warns of a policy that says what another one says.
func (l *linter) twin(r *rule) {
	bare := *r.tree
	bare.Annotations = slices.DeleteFunc(slices.Clone(bare.Annotations), func(a ast.AnnotationType) bool {
		return a.Key != "approvals" // the only annotation with a meaning
	})
	text := textOfPolicy(&bare)
	if other, ok := l.seen[text]; ok {
		r.find(l.fs, SeverityWarning, "policy.twin", "keep one of them", "the policy says exactly what policy %q says", other)
		return
	}
	l.seen[text] = r.id
}

// groups checks every group that a condition names.
func (l *linter) groups(r *rule, body ast.IsNode) {
	ast.Inspect(ast.NewNode(body), func(n ast.IsNode) bool {
		if v, ok := n.(ast.NodeValue); ok {
			if uid, ok := v.Value.(types.EntityUID); ok {
				l.group(r, uid)
			}
		}
		return true
	})
}

func (l *linter) group(r *rule, uid types.EntityUID) {
	if uid.Type != groupType || l.registry.groups == nil || l.registry.groups[string(uid.ID)] {
		return
	}
	known := make([]string, 0, len(l.registry.groups))
	for g := range l.registry.groups {
		known = append(known, g)
	}
	r.find(l.fs, SeverityError, "group.unknown", "add the group to the directory, or "+suggest(string(uid.ID), known), "the directory has no group %.60q, so nobody is in it", string(uid.ID))
}

// recordLiterals refuses records written in a condition. Cedar-go evaluates
// their members in random order, so two that fail would give two enforcers
// different messages; and no attribute that can be compared is a record.
func (l *linter) recordLiterals(r *rule, body ast.IsNode) {
	ast.Inspect(ast.NewNode(body), func(n ast.IsNode) bool {
		if _, ok := n.(ast.NodeTypeRecord); ok {
			r.find(l.fs, SeverityError, "record.literal", "compare the members one by one", "a record is written in a condition: %s", textOf(n))
			return false
		}
		return true
	})
}

// misspelt finds attributes behind has that nothing in scope declares: Cedar
// takes has of an unknown attribute for false, and a guard is silently off.
func (l *linter) misspelt(r *rule, s *scope, body ast.IsNode) {
	ast.Inspect(ast.NewNode(body), func(n ast.IsNode) bool {
		has, ok := n.(ast.NodeTypeHas)
		if !ok {
			return true
		}
		known, ok := s.members(has.Arg)
		if ok && !slices.Contains(known, string(has.Value)) {
			r.find(l.fs, SeverityError, "has.unknown", suggest(string(has.Value), known), "`%s` is never true: no tool in the policy's scope declares %q", textOf(n), string(has.Value))
		}
		return true
	})
}

// toolsInScope returns the tools whose requests the rule's scope can match.
func (l *linter) toolsInScope(r *rule) []*tool {
	tools := l.registry.tools
	if named, ok := actionsOf(r.tree.Action); ok {
		tools = l.registry.toolsOf(named)
	}
	var kind types.EntityType
	switch s := r.tree.Resource.(type) {
	case ast.ScopeTypeIs:
		kind = s.Type
	case ast.ScopeTypeEq:
		kind = s.Entity.Type
	case ast.ScopeTypeAll, ast.ScopeTypeIn, ast.ScopeTypeIsIn:
		return tools
	}
	return slices.DeleteFunc(slices.Clone(tools), func(t *tool) bool { return t.resourceType != kind })
}

// suggest says what name may have been meant.
func suggest(name string, known []string) string {
	slices.Sort(known)
	known = slices.Compact(known)
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "write " + best + "?"
	case len(known) == 0:
		return "remove it: there is nothing to name"
	}
	return "write one of " + shorten(strings.Join(known, ", "), 160)
}

// editDistance counts the insertions, deletions and replacements of bytes that
// turn a into b. Names are at most 128 bytes where the result matters.
func editDistance(a, b string) int {
	if len(a) > maxNameBytes || len(b) > maxNameBytes {
		return maxNameBytes
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
