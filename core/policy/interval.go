package policy

import (
	"math"
	"math/big"
	"slices"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// interval holds the whole numbers that an expression can take.
type interval struct{ low, high *big.Int }

func between(low, high int64) interval {
	return interval{big.NewInt(low), big.NewInt(high)}
}

var anyLong = between(math.MinInt64, math.MaxInt64)

func (i interval) fits() bool { return i.low.IsInt64() && i.high.IsInt64() }

func (i interval) union(j interval) interval {
	return interval{smallest(i.low, j.low), largest(i.high, j.high)}
}

func smallest(ns ...*big.Int) *big.Int { return slices.MinFunc(ns, (*big.Int).Cmp) }
func largest(ns ...*big.Int) *big.Int  { return slices.MaxFunc(ns, (*big.Int).Cmp) }

// overflow warns once of arithmetic that can leave 64 bits: it fails, and a
// failed policy denies whatever the others say.
func (l *linter) overflow(r *rule, s *scope, body ast.IsNode) {
	a := &arithmetic{scope: s}
	a.visit(body)
	if a.overflows != nil {
		r.find(l.fs, SeverityWarning, "arithmetic.overflow", "declare Min and Max of the attributes in it", "`%s` can overflow, which denies", textOf(a.overflows))
	}
}

// arithmetic computes intervals bottom up and keeps the first operation that
// can overflow. It visits every node once.
type arithmetic struct {
	scope     *scope
	overflows ast.IsNode
}

// interval returns bounds of a Long expression that evaluates at all.
func (s *scope) interval(n ast.IsNode) interval {
	return (&arithmetic{scope: s}).interval(n)
}

// visit computes every arithmetic expression inside a node.
func (a *arithmetic) visit(n ast.IsNode) {
	ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
		switch n.(type) {
		case ast.NodeTypeAdd, ast.NodeTypeSub, ast.NodeTypeMult, ast.NodeTypeNegate:
			a.interval(n)
			return false
		}
		return true
	})
}

func (a *arithmetic) interval(n ast.IsNode) interval {
	switch v := n.(type) {
	case ast.NodeTypeAdd:
		x, y := a.interval(v.Left), a.interval(v.Right)
		return a.held(n, interval{new(big.Int).Add(x.low, y.low), new(big.Int).Add(x.high, y.high)})
	case ast.NodeTypeSub:
		x, y := a.interval(v.Left), a.interval(v.Right)
		return a.held(n, interval{new(big.Int).Sub(x.low, y.high), new(big.Int).Sub(x.high, y.low)})
	case ast.NodeTypeMult:
		return a.held(n, a.interval(v.Left).times(a.interval(v.Right)))
	case ast.NodeTypeNegate:
		x := a.interval(v.Arg)
		return a.held(n, interval{new(big.Int).Neg(x.high), new(big.Int).Neg(x.low)})
	case ast.NodeTypeIfThenElse:
		a.visit(v.If)
		return a.interval(v.Then).union(a.interval(v.Else))
	case ast.NodeValue:
		if long, ok := v.Value.(types.Long); ok {
			return between(int64(long), int64(long))
		}
	case ast.NodeTypeAccess:
		return a.scope.bounds(pathOf(n))
	default:
		a.visit(n)
	}
	return anyLong
}

func (i interval) times(j interval) interval {
	corners := []*big.Int{
		new(big.Int).Mul(i.low, j.low), new(big.Int).Mul(i.low, j.high),
		new(big.Int).Mul(i.high, j.low), new(big.Int).Mul(i.high, j.high),
	}
	return interval{smallest(corners...), largest(corners...)}
}

// held returns what remains of a result once it is held to 64 bits.
func (a *arithmetic) held(n ast.IsNode, result interval) interval {
	if result.fits() {
		return result
	}
	if a.overflows == nil {
		a.overflows = n
	}
	return anyLong
}

// bounds returns what the registry says about the Long at a path.
func (s *scope) bounds(path []string) interval {
	switch {
	case slices.Equal(path, []string{"context", "session", "sequence"}):
		return between(0, math.MaxInt64)
	case slices.Equal(path, []string{"context", "time"}):
		return between(0, maxTime)
	case len(path) == 3 && path[0] == "context" && path[1] == "usage":
		return between(0, maxUsage)
	}
	declared := s.declared(path)
	if len(declared) == 0 {
		return anyLong
	}
	bounds := between(declared[0].min, declared[0].max)
	for _, f := range declared[1:] {
		bounds = bounds.union(between(f.min, f.max))
	}
	return bounds
}
