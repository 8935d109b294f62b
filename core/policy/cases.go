package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// Case is one example that a release carries beside its policies.
type Case struct {
	Name    string
	Request Request
	Allow   bool // what the answer must be

	// Policies are the ids that must have decided, in any order; nil accepts
	// whichever did.
	Policies []string
}

// Outcome is what became of a Case.
type Outcome struct {
	Name   string
	Passed bool
	Got    Result
	Why    string // what differs, and the explanation, when it failed
}

// Report is the result of [Test].
type Report struct {
	Outcomes []Outcome

	// Uncovered are the ids of the policies that decide no case, sorted.
	Uncovered []string

	// Unguarded are the ids of the forbids whose removal no case would notice,
	// sorted: no case turns from deny to allow without them.
	Unguarded []string
}

// Passed reports whether every case passed. Coverage is for the reader to judge.
func (r Report) Passed() bool {
	return !slices.ContainsFunc(r.Outcomes, func(o Outcome) bool { return !o.Passed })
}

// Test compiles cfg and runs the cases. The error is that of [Compile], or says
// which case has no name of its own.
func Test(cfg Config, cases []Case) (Report, error) {
	set, err := Compile(cfg)
	if err != nil {
		return Report{}, err
	}
	names := map[string]bool{}
	for i, c := range cases {
		if c.Name == "" || names[c.Name] {
			return Report{}, fmt.Errorf("case number %d: the name %q is empty or used twice; give every case a name of its own", i+1, c.Name)
		}
		names[c.Name] = true
	}
	return set.test(cases), nil
}

func (s *Set) test(cases []Case) Report {
	var report Report
	covered, guarded := map[string]bool{}, map[string]bool{}
	for _, c := range cases {
		got := s.Evaluate(c.Request)
		report.Outcomes = append(report.Outcomes, s.outcome(c, got))
		for _, id := range got.Policies {
			covered[id] = true
			guarded[id] = guarded[id] || (!got.Allow && s.guards(c.Request, id))
		}
	}
	for i := range s.rules {
		r := &s.rules[i]
		if !covered[r.id] {
			report.Uncovered = append(report.Uncovered, r.id)
		}
		if r.forbids() && !guarded[r.id] {
			report.Unguarded = append(report.Unguarded, r.id)
		}
	}
	slices.Sort(report.Uncovered)
	slices.Sort(report.Unguarded)
	return report
}

// guards reports whether the denied request would be allowed without the policy.
func (s *Set) guards(r Request, id string) bool {
	return s.evaluate(r, &s.rules[s.numbers[cedar.PolicyID(id)]]).Allow
}

func (s *Set) outcome(c Case, got Result) Outcome {
	out := Outcome{Name: c.Name, Got: got}
	wanted := slices.Sorted(slices.Values(c.Policies))
	switch {
	case got.Allow != c.Allow:
		out.Why = fmt.Sprintf("allow is %t, and %t is wanted", got.Allow, c.Allow)
	case c.Policies != nil && !slices.Equal(wanted, got.Policies):
		out.Why = fmt.Sprintf("decided by [%s], and [%s] is wanted", strings.Join(got.Policies, " "), strings.Join(wanted, " "))
	default:
		out.Passed = true
		return out
	}
	out.Why += ": " + s.Explain(c.Request).String()
	return out
}
