package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/policy"
)

func TestCases(t *testing.T) {
	frozen := transfer(5)
	frozen.Resource = "acct-9"
	elsewhere := fileRequest("file.write", "a")
	elsewhere.Usage = map[string]int64{"daily": 100}
	report, err := policy.Test(config(zonePolicies), []policy.Case{
		{Name: "small", Request: transfer(5), Allow: true, Policies: []string{"small-transfers"}},
		{Name: "any policy", Request: transfer(5), Allow: true},
		{Name: "frozen", Request: frozen, Policies: []string{"frozen"}},
		{Name: "denied twice over", Request: elsewhere, Policies: []string{"lockdown"}},
		{Name: "wrong answer", Request: transfer(20000), Allow: true},
		{Name: "wrong reason", Request: transfer(5), Allow: true, Policies: []string{"read-docs"}},
		{Name: "wanted none", Request: transfer(5), Allow: true, Policies: []string{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, o := range report.Outcomes {
		if !o.Passed {
			failed = append(failed, o.Name)
			if o.Why == "" {
				t.Errorf("%s fails without a word", o.Name)
			}
		}
	}
	if !slices.Equal(failed, []string{"wrong answer", "wrong reason", "wanted none"}) || report.Passed() {
		t.Errorf("failed: %q", failed)
	}
	if why := report.Outcomes[4].Why; !strings.Contains(why, "allow is false, and true is wanted") || !strings.Contains(why, "amount = 20000") {
		t.Errorf("why: %s", why)
	}
	if want := []string{"fee-guard", "large-transfers", "read-docs"}; !slices.Equal(report.Uncovered, want) {
		t.Errorf("uncovered %q, want %q", report.Uncovered, want)
	}
	// lockdown decided a case that would be denied without it too.
	if want := []string{"fee-guard", "lockdown"}; !slices.Equal(report.Unguarded, want) {
		t.Errorf("unguarded %q, want %q", report.Unguarded, want)
	}
}

// TestUnguardedIsTrue removes each forbid for good and compares.
func TestUnguardedIsTrue(t *testing.T) {
	locked := transfer(5)
	locked.Usage = map[string]int64{"daily": 100}
	both := locked
	both.Resource = "acct-9"
	cases := []policy.Case{{Name: "locked", Request: locked}, {Name: "both", Request: both}}
	report, err := policy.Test(config(zonePolicies), cases)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"frozen", "fee-guard", "lockdown"} {
		before, rest, _ := strings.Cut(zonePolicies, `@id("`+id+`")`)
		_, after, _ := strings.Cut(rest, ";")
		set := mustCompile(t, config(before+after))
		noticed := false
		for _, c := range cases {
			noticed = noticed || set.Evaluate(c.Request).Allow
		}
		if noticed == slices.Contains(report.Unguarded, id) {
			t.Errorf("%s: noticed is %t, and unguarded are %q", id, noticed, report.Unguarded)
		}
	}
}

func TestCasesAreRefused(t *testing.T) {
	if _, err := policy.Test(config("permit"), nil); err == nil {
		t.Error("cases ran on policies that do not compile")
	}
	for _, names := range [][2]string{{"a", ""}, {"a", "a"}} {
		_, err := policy.Test(config(permitAll), []policy.Case{{Name: names[0], Request: transfer(1), Allow: true}, {Name: names[1], Request: transfer(1), Allow: true}})
		if err == nil || !strings.Contains(err.Error(), "case number 2") {
			t.Errorf("%q: %v", names, err)
		}
	}
	report, err := policy.Test(config(""), nil)
	if err != nil || !report.Passed() || len(report.Uncovered)+len(report.Unguarded) != 0 {
		t.Errorf("nothing to test: %+v, %v", report, err)
	}
}
