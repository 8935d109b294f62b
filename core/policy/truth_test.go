package policy

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/eval"
	"pgregory.net/rapid"
)

// truthConfig declares attributes with tight bounds, so that drawn conditions
// are often decided.
func truthConfig(condition string) Config {
	return Config{
		Sources: []Source{{Name: "drawn", Text: `@id("x") permit(principal, action == Action::"act", resource) when { ` + condition + ` };`}},
		Tools: []Tool{{
			Name: "act", Action: "act", ResourceType: "Thing",
			Arguments: []Attribute{
				{Name: "small", Type: TypeLong, Required: true, Min: new(int64(-3)), Max: new(int64(3))},
				{Name: "wide", Type: TypeLong, Required: true},
				{Name: "word", Type: TypeString, Required: true, Enum: []string{"a", "b"}},
			},
		}},
		Limits: []string{"u"},
	}
}

func drawLong(choose chooser, depth int) string {
	if depth == 0 {
		return pick(choose, "context.arguments.small", "context.arguments.wide", "context.usage.u", "context.time", "0", "2", "-3", "9223372036854775807")
	}
	a, b := drawLong(choose, depth-1), drawLong(choose, depth-1)
	return pick(choose, a, "("+a+" + "+b+")", "("+a+" - "+b+")", "("+a+" * "+b+")", "-("+a+")",
		"(if "+drawBool(choose, depth-1)+" then "+a+" else "+b+")")
}

func drawBool(choose chooser, depth int) string {
	operator := pick(choose, "<", "<=", ">", ">=", "==", "!=")
	if depth == 0 {
		return pick(choose, "true", "false", "context.arguments.small "+operator+" "+drawLong(choose, 0),
			`context.arguments.word == `+pick(choose, `"a"`, `"b"`, `"c"`))
	}
	a, b := drawBool(choose, depth-1), drawBool(choose, depth-1)
	return pick(choose, a, "("+a+" && "+b+")", "("+a+" || "+b+")", "!("+a+")", "(if "+a+" then "+b+" else "+a+")",
		"("+drawLong(choose, depth)+" "+operator+" "+drawLong(choose, depth-1)+")")
}

// TestLintIsSound compares what the lint claims of a condition with what
// requests make of it: a condition said to be false is never true, one said to
// be true never false, and one that cannot overflow never fails.
func TestLintIsSound(t *testing.T) {
	decided := map[truth]int{}
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		condition := drawBool(choose, 2)
		s, found := analyse(truthConfig(condition))
		if problems := errorsOf(found); len(problems) > 0 {
			t.Fatalf("%s\n%v", condition, problems)
		}
		s.index = newIndex(s.rules)
		sc := &scope{registry: s.registry, tools: s.registry.tools}
		body := s.rules[0].tree.Conditions[0].Body
		claim, _ := sc.truth(body)
		decided[claim]++
		arithmetic := &arithmetic{scope: sc}
		arithmetic.visit(body)
		for range 10 {
			wide := pick(choose, math.MinInt64, -1, 0, 1, 2, math.MaxInt64)
			w, no := s.admit(Request{
				Principal: Principal{ID: "spiffe://t/z/agent/a"}, Tool: "act", Resource: "r",
				Arguments: fmt.Appendf(nil, `{"small":%d,"wide":%d,"word":%q}`, choose(7)-3, wide, pick(choose, "a", "b")),
				Usage:     map[string]int64{"u": pick(choose, int64(0), 1, maxUsage)},
				LogTime:   time.Unix(pick(choose, int64(0), 5, maxTime), 0),
			})
			if no != nil {
				t.Fatal(no.message)
			}
			got, err := eval.Eval(body, w.env())
			switch {
			case err == nil && claim == never && got == types.True, err == nil && claim == always && got == types.False:
				t.Fatalf("%s is said to be %s, and is %v for %v", condition, claim, got, w.request.Context)
			case err != nil && arithmetic.overflows == nil:
				t.Fatalf("%s is said not to overflow: %v", condition, err)
			}
		}
	})
	for _, claim := range []truth{never, open, always} {
		if decided[claim] == 0 {
			t.Errorf("no drawn condition was %s: the test says nothing about it", claim)
		}
	}
}
