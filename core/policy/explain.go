package policy

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

const (
	maxExplained  = 5  // policies
	maxConditions = 12 // of one policy
	maxBindings   = 8  // of one condition
	maxValueBytes = 80
)

// Explain evaluates the request like [Set.Evaluate] and says why. It looks at
// every policy and is meant for people, not for the path of an intent.
func (s *Set) Explain(r Request) (e Explanation) {
	e = Explanation{Result: s.Evaluate(r)}
	defer func() {
		if recover() != nil {
			e.Policies, e.Omitted = nil, 0
		}
	}()
	if s == nil || s.index == nil {
		return e
	}
	w, no := s.admit(r)
	if no != nil {
		return e
	}
	if e.Result.Code == DefaultDeny {
		e.Policies, e.Omitted = s.nearest(w)
		return e
	}
	for _, id := range e.Result.Policies {
		if len(e.Policies) == maxExplained {
			e.Omitted = len(e.Result.Policies) - maxExplained
			break
		}
		e.Policies = append(e.Policies, w.explain(&s.rules[s.numbers[types.PolicyID(id)]]))
	}
	return e
}

// nearest returns the permits that came closest to allowing the request.
func (s *Set) nearest(w *world) ([]RuleExplanation, int) {
	var near []*rule
	least := 0
	for i := range s.rules {
		r := &s.rules[i]
		if r.forbids() {
			continue
		}
		switch d := w.distance(r); {
		case len(near) == 0 || d < least:
			near, least = []*rule{r}, d
		case d == least:
			near = append(near, r)
		}
	}
	held := make(map[*rule]int, len(near))
	for _, r := range near {
		held[r] = w.held(r)
	}
	slices.SortFunc(near, func(a, b *rule) int {
		return cmp.Or(-cmp.Compare(held[a], held[b]), cmp.Compare(a.id, b.id))
	})
	shown := near[:min(len(near), maxExplained)]
	explained := make([]RuleExplanation, len(shown))
	for i, r := range shown {
		explained[i] = w.explain(r)
	}
	return explained, len(near) - len(shown)
}

// distance says how far a rule's scope is from the request: a permit for
// another action is further than one for another resource, and that one is
// further than one for another principal.
func (w *world) distance(r *rule) int {
	weight := map[string]int{"action": 4, "resource": 2, "principal": 1}
	d := 0
	for _, test := range w.mismatches(r) {
		d += weight[test.variable]
	}
	return d
}

// held counts the conjuncts of a rule that hold before the first that does not.
// It is 0 when the scope does not match.
func (w *world) held(r *rule) int {
	if len(w.mismatches(r)) > 0 {
		return 0
	}
	n := 0
	for c := range conjunctsOf(r.tree) {
		if v, err := eval.Eval(c.expression, w.env()); err != nil || v != types.Boolean(!c.unless) {
			break
		}
		n++
	}
	return n
}

func (w *world) explain(r *rule) RuleExplanation {
	p := RuleExplanation{ID: r.id, Effect: r.effect(), Reason: shorten(r.reason, maxTextBytes), Position: r.at}
	for _, test := range w.mismatches(r) {
		p.Scope = append(p.Scope, textOf(test.expression)+" does not match "+shorten(w.named(test.variable), maxTextBytes))
	}
	if len(p.Scope) > 0 {
		return p
	}
	for c := range conjunctsOf(r.tree) {
		said := w.condition(c)
		p.Conditions = append(p.Conditions, said)
		if !said.Holds {
			break
		}
	}
	p.Conditions = p.Conditions[max(0, len(p.Conditions)-maxConditions):]
	return p
}

// mismatches returns the scope tests of a rule that do not match the request.
func (w *world) mismatches(r *rule) []scopeTest {
	var out []scopeTest
	for _, test := range scopeTests(r.tree) {
		if v, err := eval.Eval(test.expression, w.env()); err != nil || v != types.True {
			out = append(out, test)
		}
	}
	return out
}

// named returns what the request has for a variable of the scope.
func (w *world) named(variable string) string {
	switch variable {
	case "action":
		return w.request.Action.String()
	case "resource":
		return w.request.Resource.String()
	}
	text := w.request.Principal.String()
	if len(w.groups) > 0 {
		names := make([]string, len(w.groups))
		for i, g := range w.groups {
			names[i] = string(g.ID)
		}
		slices.Sort(names)
		text += fmt.Sprintf(" in %q", names)
	}
	return text
}

// scopeTest is one of the three scopes of a policy, as an expression.
type scopeTest struct {
	variable   string
	expression ast.IsNode
}

// scopeTests returns the scopes of a policy without those that take everything.
func scopeTests(p *ast.Policy) []scopeTest {
	var out []scopeTest
	for _, s := range []struct {
		name     string
		variable ast.Node
		scope    ast.IsScopeNode
	}{
		{"principal", ast.Principal(), p.Principal},
		{"action", ast.Action(), p.Action},
		{"resource", ast.Resource(), p.Resource},
	} {
		if test, ok := expressionOf(s.variable, s.scope); ok {
			out = append(out, scopeTest{s.name, test.AsIsNode()})
		}
	}
	return out
}

func expressionOf(variable ast.Node, scope ast.IsScopeNode) (ast.Node, bool) {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		return variable.Equal(ast.Value(s.Entity)), true
	case ast.ScopeTypeIn:
		return variable.In(ast.Value(s.Entity)), true
	case ast.ScopeTypeIs:
		return variable.Is(s.Type), true
	case ast.ScopeTypeIsIn:
		return variable.IsIn(s.Type, ast.Value(s.Entity)), true
	case ast.ScopeTypeInSet:
		members := make([]ast.Node, len(s.Entities))
		for i, e := range s.Entities {
			members[i] = ast.Value(e)
		}
		return variable.In(ast.Set(members...)), true
	case ast.ScopeTypeAll:
	}
	return ast.Node{}, false
}

// conjunct is a part of a policy's conditions that must be true, or false when
// it belongs to an unless.
type conjunct struct {
	expression ast.IsNode
	unless     bool
}

// conjunctsOf yields what must hold for a policy to apply, in the order of
// evaluation: a when falls apart at its ands, an unless at its ors.
func conjunctsOf(p *ast.Policy) iter.Seq[conjunct] {
	return func(yield func(conjunct) bool) {
		for _, c := range p.Conditions {
			if !split(conjunct{c.Body, c.Condition == ast.ConditionUnless}, yield) {
				return
			}
		}
	}
}

// split yields the parts of a conjunct and reports whether to go on.
func split(c conjunct, yield func(conjunct) bool) bool {
	switch n := c.expression.(type) {
	case ast.NodeTypeAnd:
		if !c.unless {
			return split(conjunct{n.Left, false}, yield) && split(conjunct{n.Right, false}, yield)
		}
	case ast.NodeTypeOr:
		if c.unless {
			return split(conjunct{n.Left, true}, yield) && split(conjunct{n.Right, true}, yield)
		}
	}
	return yield(c)
}

func (w *world) env() eval.Env {
	return eval.Env{Entities: w, Principal: w.request.Principal, Action: w.request.Action, Resource: w.request.Resource, Context: w.request.Context}
}

func (w *world) condition(c conjunct) Condition {
	said := Condition{Text: textOf(c.expression), Unless: c.unless, Values: w.bindings(c.expression)}
	v, err := eval.Eval(c.expression, w.env())
	if err != nil {
		said.Error = shorten(err.Error(), maxErrorBytes)
		return said
	}
	said.Holds = v == types.Boolean(!c.unless)
	return said
}

// bindings returns the values of the attributes in an expression, in the order
// in which they stand there.
func (w *world) bindings(n ast.IsNode) []Binding {
	var out []Binding
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		if len(out) == maxBindings {
			return false
		}
		var attribute ast.IsNode
		switch v := n.(type) {
		case ast.NodeTypeAccess:
			attribute = v
		case ast.NodeTypeHas:
			attribute = ast.NodeTypeAccess(v)
		default:
			return true
		}
		path := pathOf(attribute)
		if path == nil {
			return true
		}
		if b := w.binding(attribute, path); !slices.Contains(out, b) {
			out = append(out, b)
		}
		return false
	})
	return out
}

func (w *world) binding(attribute ast.IsNode, path []string) Binding {
	name := strings.TrimPrefix(strings.Join(path, "."), "context.arguments.")
	v, err := eval.Eval(attribute, w.env())
	if err != nil {
		return Binding{Path: name, Value: "absent"}
	}
	return Binding{Path: name, Value: shorten(string(v.MarshalCedar()), maxValueBytes)}
}
