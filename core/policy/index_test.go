package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"pgregory.net/rapid"
)

// The index is checked against Cedar over the whole set, which is what it must
// equal: same decision, same reasons, same errors. The policies are drawn over
// few names so that scopes meet, and are not type-checked, so that scopes which
// no registry would accept are compared as well.

// failer is what testing.T and rapid.T have in common here.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// chooser draws a number below n.
type chooser func(n int) int

func pick[T any](choose chooser, from ...T) T { return from[choose(len(from))] }

var (
	fewAgents    = []string{"spiffe://t/z/agent/a", "spiffe://t/z/agent/b", "spiffe://t/z/agent/c"}
	fewGroups    = []string{"g", "h", "i"}
	fewActions   = []string{"read", "write", "all", "gone"}
	fewResources = []string{"r", "s"}
)

func drawPolicy(choose chooser, id int) string {
	agent := func() string { return fmt.Sprintf("Agent::%q", pick(choose, fewAgents...)) }
	group := func() string { return fmt.Sprintf("Group::%q", pick(choose, fewGroups...)) }
	action := func() string { return fmt.Sprintf("Action::%q", pick(choose, fewActions...)) }
	resource := func() string {
		return fmt.Sprintf("%s::%q", pick(choose, "File", "Account", "Group"), pick(choose, fewResources...))
	}
	principalScope := pick(choose,
		"principal", "principal == "+agent(), "principal == "+group(), "principal in "+agent(), "principal in "+group(),
		"principal is Agent", "principal is Group", "principal is Agent in "+group(), "principal is File in "+group(), "principal is Agent in "+agent())
	actionScope := pick(choose,
		"action", "action == "+action(), "action in "+action(), "action in ["+action()+"]",
		"action in ["+action()+", "+action()+", "+action()+"]", "action in []")
	resourceScope := pick(choose,
		"resource", "resource == "+resource(), "resource in "+resource(), "resource is File", "resource is Account",
		"resource is File in "+resource())
	condition := pick(choose,
		"", "", "when { context.arguments.n > 3 }", "unless { context.arguments.n > 3 }",
		"when { context.arguments.n + 9223372036854775807 > 0 }", "when { context.arguments.missing }",
		"when { context.usage.u * context.arguments.n > 10 }", "when { principal in "+group()+" }")
	return fmt.Sprintf("@id(\"p%d\") %s(%s, %s, %s) %s;\n", id, pick(choose, "permit", "forbid"), principalScope, actionScope, resourceScope, condition)
}

// unchecked compiles policies without type check and lint.
func unchecked(t failer, source string) *Set {
	t.Helper()
	fs := &findings{}
	caps, _ := Caps{}.effective()
	tool := func(name, kind string) Tool {
		return Tool{Name: name, Action: name, ResourceType: kind, Arguments: []Attribute{{Name: "n", Type: TypeLong, Required: true}}}
	}
	cfg := Config{
		Sources: []Source{{Name: "drawn", Text: source}},
		Tools:   []Tool{tool("read", "File"), tool("write", "Account")},
		Limits:  []string{"u"},
	}
	s := &Set{caps: caps, registry: newRegistry(cfg, caps, fs), numbers: map[cedar.PolicyID]int{}}
	s.rules = parse(checkCaps(cfg.Sources, caps, fs), fs)
	if len(fs.list) > 0 {
		t.Fatalf("%v\n%s", fs.list, source)
	}
	for i := range s.rules {
		s.numbers[cedar.PolicyID(s.rules[i].id)] = i
	}
	s.index = newIndex(s.rules)
	return s
}

func drawRequest(choose chooser) Request {
	agent := func(groups int) Principal {
		p := Principal{ID: pick(choose, fewAgents...)}
		for range groups {
			p.Groups = append(p.Groups, pick(choose, fewGroups...))
		}
		return p
	}
	return Request{
		Principal: agent(choose(4)),
		Tool:      pick(choose, "read", "write"),
		Resource:  pick(choose, append([]string{"t"}, fewResources...)...),
		Arguments: fmt.Appendf(nil, `{"n":%d}`, choose(8)),
		Usage:     map[string]int64{"u": int64(choose(5))},
		LogTime:   time.Unix(1, 0),
	}
}

// sameAsWhole fails unless the index answers as the whole set does.
func sameAsWhole(t failer, s *Set, r Request) {
	t.Helper()
	w, no := s.admit(r)
	if no != nil {
		t.Fatalf("not admitted: %s", no.message)
	}
	sliced := slice{rules: s.rules, lists: s.index.candidates(w.request, w.groups)}
	assertOnce(t, sliced)
	decision, diagnostic := cedar.Authorize(sliced, w, w.request)
	whole := cedar.PolicyMap{}
	for i := range s.rules {
		whole[cedar.PolicyID(s.rules[i].id)] = s.rules[i].compiled
	}
	wantDecision, wantDiagnostic := cedar.Authorize(whole, w, w.request)
	if decision != wantDecision {
		t.Fatalf("index says %s, whole set says %s", decision, wantDecision)
	}
	if got, want := summary(diagnostic), summary(wantDiagnostic); !slices.Equal(got, want) {
		t.Fatalf("index gives %q, whole set gives %q", got, want)
	}
	got, want := s.Evaluate(r), s.conclude(wantDecision, wantDiagnostic, 0)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Fatalf("index gives %+v, whole set gives %+v", got, want)
	}
}

func assertOnce(t failer, s slice) {
	t.Helper()
	seen := map[cedar.PolicyID]bool{}
	for id := range s.All() {
		if seen[id] {
			t.Fatalf("policy %q is handed over twice", id)
		}
		seen[id] = true
	}
}

// summary returns reasons and errors in a comparable order.
func summary(d cedar.Diagnostic) []string {
	var out []string
	for _, r := range d.Reasons {
		out = append(out, fmt.Sprintf("reason %v", r))
	}
	for _, e := range d.Errors {
		out = append(out, fmt.Sprintf("error %v", e))
	}
	slices.Sort(out)
	return out
}

func drawSource(choose chooser, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(drawPolicy(choose, i))
	}
	return b.String()
}

func TestIndexEqualsWholeSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		source := drawSource(choose, 1+choose(20))
		s := unchecked(t, source)
		reversed := strings.SplitAfter(source, "\n")
		slices.Reverse(reversed)
		backwards := unchecked(t, strings.Join(reversed, ""))
		for range 5 {
			r := drawRequest(choose)
			sameAsWhole(t, s, r)
			if a, b := fmt.Sprintf("%+v", s.Evaluate(r)), fmt.Sprintf("%+v", backwards.Evaluate(r)); a != b {
				t.Fatalf("the order of the policies matters: %s, %s", a, b)
			}
		}
	})
}

// FuzzIndex draws policies and requests from the fuzzer's seed.
func FuzzIndex(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed*5))
	}
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		choose := chooser(rand.New(rand.NewPCG(seed, 1)).IntN)
		s := unchecked(t, drawSource(choose, int(size)))
		for range 10 {
			sameAsWhole(t, s, drawRequest(choose))
		}
	})
}

// TestWorldFitsSchema checks that the type check and the requests agree on one
// model: cedar-go's validator accepts every admitted request.
func TestWorldFitsSchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		s := unchecked(t, "")
		w, no := s.admit(drawRequest(choose))
		if no != nil {
			t.Fatal(no.message)
		}
		v, err := newTypechecker(s.registry).validator(ast.ScopeTypeAll{})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Request(w.request); err != nil {
			t.Error(err)
		}
		for _, e := range []types.Entity{w.principal, w.resource, w.tool.actionEntity} {
			if err := v.Entity(e); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestPanicDenies breaks a Set in a way that cannot happen and asks it.
func TestPanicDenies(t *testing.T) {
	s := &Set{index: newIndex(nil)} // no registry
	got := s.Evaluate(Request{Tool: "read"})
	if got.Allow || got.Code != InternalError || len(got.Errors) != 1 {
		t.Fatalf("%+v", got)
	}
}
