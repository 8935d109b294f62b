package policy

import (
	"maps"
	"slices"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// scope is what a policy's conditions can speak of: the tools that its scope
// can match and everything else of the registry.
type scope struct {
	registry *registry
	tools    []*tool
}

// pathOf returns the names of an attribute access, such as
// context, arguments, amount; nil when the node is something else.
func pathOf(n ast.IsNode) []string {
	switch v := n.(type) {
	case ast.NodeTypeVariable:
		return []string{string(v.Name)}
	case ast.NodeTypeAccess:
		if head := pathOf(v.Arg); head != nil {
			return append(head, string(v.Value))
		}
	}
	return nil
}

// members returns the attributes that the record or entity may have, and false
// when the node is not one whose attributes are known.
func (s *scope) members(n ast.IsNode) ([]string, bool) {
	path := pathOf(n)
	switch {
	case slices.Equal(path, []string{"principal"}), slices.Equal(path, []string{"context", "delegator"}):
		return namesOf(s.registry.principal), true
	case slices.Equal(path, []string{"resource"}):
		return []string{"id"}, true
	case slices.Equal(path, []string{"action"}):
		return nil, true
	case slices.Equal(path, []string{"context"}):
		return []string{"arguments", "delegator", "environment", "session", "time", "usage"}, true
	case slices.Equal(path, []string{"context", "session"}):
		return []string{"sequence"}, true
	case slices.Equal(path, []string{"context", "usage"}):
		return slices.Clone(s.registry.limits), true
	case slices.Equal(path, []string{"context", "arguments"}), slices.Equal(path, []string{"context", "environment"}):
		var all []string
		for _, t := range s.tools {
			all = append(all, namesOf(t.record(path[1]))...)
		}
		return all, true
	}
	return nil, false
}

func namesOf(fs fields) []string { return slices.Collect(maps.Keys(fs.byName)) }

// record returns the tool's arguments or environment.
func (t *tool) record(name string) fields {
	if name == "arguments" {
		return t.arguments
	}
	return t.environment
}

// declared returns the declarations that a path may have: one for each tool in
// scope that declares it, or the principal's.
func (s *scope) declared(path []string) []field {
	var out []field
	add := func(fs fields, name string) {
		if i, ok := fs.find(name); ok {
			out = append(out, fs.list[i])
		}
	}
	switch {
	case len(path) == 2 && path[0] == "principal":
		add(s.registry.principal, path[1])
	case len(path) == 3 && path[0] == "context" && path[1] == "delegator":
		add(s.registry.principal, path[2])
	case len(path) == 3 && path[0] == "context" && (path[1] == "arguments" || path[1] == "environment"):
		for _, t := range s.tools {
			add(t.record(path[1]), path[2])
		}
	}
	return out
}
