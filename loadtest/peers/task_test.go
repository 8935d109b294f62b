package peers

import (
	"strings"
	"testing"
)

var sizes = []int{1, 2, 5, 100, 1000, MostRules}

func task(tb testing.TB, n int) *Task {
	tb.Helper()
	t, err := NewTask(n)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// TestTaskAsksBoth: a task of any size has questions of both answers, and rules that are as many as it says.
func TestTaskAsksBoth(t *testing.T) {
	for _, n := range sizes {
		k := task(t, n)
		if len(k.Rules) != n || k.Allowed() <= 0 || k.Allowed() >= 1 {
			t.Errorf("%d policies: %d rules, %.2f allowed", n, len(k.Rules), k.Allowed())
		}
	}
	for _, n := range []int{-1, 0, MostRules + 1} {
		if _, err := NewTask(n); err == nil {
			t.Errorf("%d policies: no error", n)
		}
	}
}

// TestWanted: what is right, by hand.
func TestWanted(t *testing.T) {
	k := &Task{
		Agents: []Agent{{"a", []string{"staff"}}, {"b", []string{"staff", "t0"}}, {"c", nil}},
		Rules: []Rule{
			{ID: "1", Group: "staff", Tool: toolPay, Limit: 100},
			{ID: "2", Group: "t0", Tool: toolPay, Limit: 500},
			{ID: "3", Group: "t0", Tool: toolPay, Forbid: true, Limit: 300},
			{ID: "4", Group: "t0", Tool: toolRead},
			{ID: "5", Group: "t0", Tool: toolRefund},
			{ID: "6", Group: "staff", Tool: toolRefund, Forbid: true},
		},
	}
	for _, tt := range []struct {
		name string
		q    Question
		want bool
	}{
		{"up to the limit", Question{Agent: 0, Tool: toolPay, Amount: 100}, true},
		{"above the limit", Question{Agent: 0, Tool: toolPay, Amount: 101}, false},
		{"another group's limit", Question{Agent: 1, Tool: toolPay, Amount: 300}, true},
		{"a forbid beats a permit", Question{Agent: 1, Tool: toolPay, Amount: 301}, false},
		{"another group's tool", Question{Agent: 0, Tool: toolRead}, false},
		{"one's group's tool", Question{Agent: 1, Tool: toolRead}, true},
		{"a forbid without a limit", Question{Agent: 1, Tool: toolRefund}, false},
		{"nobody", Question{Agent: 2, Tool: toolPay, Amount: 1}, false},
	} {
		if got := k.Wanted(tt.q); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestEveryEngineHasEveryRule: a rule that one translation leaves out would make that engine faster, and might change no answer.
func TestEveryEngineHasEveryRule(t *testing.T) {
	for _, n := range sizes {
		k := task(t, n)
		count := func(files map[string]string) (rules int) {
			for _, text := range files {
				rules += strings.Count(text, "- name: p")
			}
			return rules
		}
		for what, got := range map[string]int{
			"Cedar":       strings.Count(k.cedar(), "@id("),
			"Rego":        strings.Count(k.Rego(), "input.groups[_]"),
			"Cerbos YAML": count(k.CerbosPolicies()), "Cerbos scopes": count(k.CerbosScopes()),
		} {
			if got != n {
				t.Errorf("%d policies: %d in %s", n, got, what)
			}
		}
	}
}

// TestReleaseFits: the largest task is one release, which is one record, and nothing is found against its policies.
func TestReleaseFits(t *testing.T) {
	f, err := task(t, MostRules).Create(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	release, err := f.Release()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	for _, s := range release.Proto.GetPolicies() {
		n += strings.Count(s.GetText(), "@id(")
	}
	if n != MostRules {
		t.Errorf("the release has %d policies", n)
	}
}
