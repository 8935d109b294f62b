package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
)

// truth is what can be said of a condition before any request.
type truth int8

const (
	never  truth = -1 // it is false or fails
	open   truth = 0
	always truth = 1 // it is true or fails
)

func (t truth) String() string {
	switch t {
	case never:
		return "false"
	case always:
		return "true"
	case open:
	}
	return "open"
}

// part is a piece of a condition whose truth is known.
type part struct {
	node  ast.IsNode
	truth truth
}

// constants finds conditions that no request can change.
func (l *linter) constants(r *rule, s *scope) {
	for _, c := range r.tree.Conditions {
		holds, parts := s.truth(c.Body)
		if c.Condition == ast.ConditionUnless {
			holds = -holds
		}
		switch {
		case holds == never && r.forbids():
			r.find(l.fs, SeverityError, "never", "correct the condition, or remove the policy", "the forbid never applies: `%s`", textOf(c.Body))
		case holds == never:
			r.find(l.fs, SeverityWarning, "never", "correct the condition, or remove the policy", "the permit never applies: `%s`", textOf(c.Body))
		case holds == always:
			r.find(l.fs, SeverityWarning, "constant", "remove the condition, or correct it", "the condition has no effect: `%s`", textOf(c.Body))
		}
		for _, p := range parts {
			r.find(l.fs, SeverityWarning, "constant", "remove it, or correct it", "`%s` is always %s", textOf(p.node), p.truth)
		}
	}
}

// truth decides a boolean expression as far as the registry allows. When the
// whole stays open it returns the largest pieces that do not. It visits every
// node a bounded number of times.
func (s *scope) truth(n ast.IsNode) (truth, []part) {
	switch v := n.(type) {
	case ast.NodeTypeAnd:
		return s.combine(func(t []truth) truth { return min(t[0], t[1]) }, v.Left, v.Right)
	case ast.NodeTypeOr:
		return s.combine(func(t []truth) truth { return max(t[0], t[1]) }, v.Left, v.Right)
	case ast.NodeTypeNot:
		return s.combine(func(t []truth) truth { return -t[0] }, v.Arg)
	case ast.NodeTypeIfThenElse:
		return s.combine(choose, v.If, v.Then, v.Else)
	}
	if t := literal(n); t != open {
		return t, nil
	}
	return s.comparison(n), nil
}

// choose decides if t[0] then t[1] else t[2].
func choose(t []truth) truth {
	switch {
	case t[0] == always, t[1] == t[2]:
		return t[1]
	case t[0] == never:
		return t[2]
	}
	return open
}

// combine decides an operation from its operands.
func (s *scope) combine(decide func([]truth) truth, operands ...ast.IsNode) (truth, []part) {
	truths := make([]truth, len(operands))
	var parts []part
	for i, n := range operands {
		t, inner := s.truth(n)
		truths[i] = t
		if t == open {
			parts = append(parts, inner...)
		} else {
			parts = append(parts, part{n, t})
		}
	}
	if whole := decide(truths); whole != open {
		return whole, nil
	}
	return open, parts
}

func (s *scope) comparison(n ast.IsNode) truth {
	switch v := n.(type) {
	case ast.NodeTypeEquals:
		return s.equal(v.BinaryNode)
	case ast.NodeTypeNotEquals:
		return -s.equal(v.BinaryNode)
	case ast.NodeTypeLessThan:
		return s.less(v.Left, v.Right)
	case ast.NodeTypeGreaterThan:
		return s.less(v.Right, v.Left)
	case ast.NodeTypeLessThanOrEqual:
		return -s.less(v.Right, v.Left)
	case ast.NodeTypeGreaterThanOrEqual:
		return -s.less(v.Left, v.Right)
	}
	return open
}

// literal evaluates an expression without variables.
func literal(n ast.IsNode) truth {
	free := true
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		if _, ok := n.(ast.NodeTypeVariable); ok {
			free = false
		}
		return free
	})
	if !free {
		return open
	}
	var v types.Value
	err := safely(func() (err error) {
		v, err = eval.Eval(n, eval.Env{Entities: types.EntityMap{}})
		return err
	})
	switch {
	case err != nil || v == types.False:
		return never
	case v == types.True:
		return always
	}
	return open
}

func (s *scope) equal(b ast.BinaryNode) truth {
	if wholeTextOf(b.Left) == wholeTextOf(b.Right) {
		return always
	}
	x, y := s.interval(b.Left), s.interval(b.Right)
	if x.high.Cmp(y.low) < 0 || y.high.Cmp(x.low) < 0 {
		return never
	}
	if s.outside(b.Left, b.Right) || s.outside(b.Right, b.Left) {
		return never
	}
	return open
}

// outside reports whether attribute is an enum that lacks the literal string.
func (s *scope) outside(attribute, text ast.IsNode) bool {
	value, ok := text.(ast.NodeValue)
	if !ok {
		return false
	}
	written, ok := value.Value.(types.String)
	declared := s.declared(pathOf(attribute))
	if !ok || len(declared) == 0 {
		return false
	}
	return !slices.ContainsFunc(declared, func(f field) bool {
		return len(f.enum) == 0 || slices.Contains(f.enum, string(written))
	})
}

// less decides a < b. Other types than Long have no bounds and stay open.
func (s *scope) less(a, b ast.IsNode) truth {
	if wholeTextOf(a) == wholeTextOf(b) {
		return never
	}
	x, y := s.interval(a), s.interval(b)
	switch {
	case x.high.Cmp(y.low) < 0:
		return always
	case x.low.Cmp(y.high) >= 0:
		return never
	}
	return open
}
