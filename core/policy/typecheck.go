package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// typechecker validates policies against the generated schema, strictly. It is
// the only user of cedar-go's experimental validator, whose API has no promise
// of stability.
type typechecker struct {
	registry   *registry
	validators map[string]*validate.Validator // by the actions that they know
}

func newTypechecker(r *registry) *typechecker {
	return &typechecker{registry: r, validators: map[string]*validate.Validator{}}
}

// check adds a finding for each distinct thing that the validator objects to.
func (c *typechecker) check(r *rule, fs *findings) {
	v, err := c.validator(r.tree.Action)
	if err != nil {
		fs.registry("schema", "report this: the registry passed its checks", "the generated schema does not resolve: %s", shorten(err.Error(), 200))
		return
	}
	for _, message := range messagesOf(safely(func() error { return v.Policy("", r.tree) })) {
		r.find(fs, SeverityError, "type", "compare with the generated schema", "%s", shorten(message, 300))
	}
}

// validator returns a validator that knows the actions of a scope. The work of
// one validation grows with the actions known, and most policies name one.
func (c *typechecker) validator(scope ast.IsActionScopeNode) (*validate.Validator, error) {
	tools := c.registry.tools
	key := ""
	if named, ok := actionsOf(scope); ok {
		tools = c.registry.toolsOf(named)
		key = keyOf(tools)
	}
	if v, ok := c.validators[key]; ok {
		return v, nil
	}
	resolved, err := schema.NewSchemaFromAST(c.registry.schema(tools)).Resolve()
	if err != nil {
		return nil, fmt.Errorf("resolve the schema of %d actions: %w", len(tools), err)
	}
	v := validate.New(resolved, validate.WithStrict())
	c.validators[key] = v
	return v, nil
}

// toolsOf returns the tools with these actions, each once, sorted by action.
func (r *registry) toolsOf(actions []types.EntityUID) []*tool {
	var out []*tool
	for _, a := range actions {
		if t, ok := r.byAction[a]; ok && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, compareTools)
	return out
}

func keyOf(tools []*tool) string {
	var b strings.Builder
	b.WriteString("named")
	for _, t := range tools {
		fmt.Fprintf(&b, " %q", string(t.action.ID))
	}
	return b.String()
}

// messagesOf returns the distinct messages of a joined error, sorted: the
// validator meets the actions in random order.
func messagesOf(err error) []string {
	if err == nil {
		return nil
	}
	var out []string
	var walk func(error)
	walk = func(e error) {
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			for _, inner := range joined.Unwrap() {
				walk(inner)
			}
			return
		}
		out = append(out, e.Error())
	}
	walk(err)
	slices.Sort(out)
	return slices.Compact(out)
}
