package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/policy"
)

func TestExplain(t *testing.T) {
	set := mustCompile(t, config(zonePolicies+`
@id("write-own")
permit(principal == Agent::"spiffe://acme.test/east/agent/bob", action == Action::"file-write", resource)
unless { resource.id like "secret/*" || resource.id like "*.key" };
@id("write-public")
permit(principal, action == Action::"file-write", resource)
when { principal.clearance >= 1 && principal has team && principal.team == "blue" }
unless { resource.id like "secret/*" };`))
	bobs := func(path string) policy.Request {
		r := fileRequest("file.write", path)
		r.Principal.ID = bob
		return r
	}
	nobody := transfer(1)
	nobody.Principal.Groups = nil
	frozen := transfer(1)
	frozen.Resource = "acct-9"
	overflow := withArguments(`{"amount":9223372036854775807,"currency":"EUR","codes":[]}`)
	tests := []struct {
		name    string
		request policy.Request
		want    string
	}{
		{"allowed", transfer(7), `allowed
permit "small-transfers": context.arguments.amount <= 1000 was true (amount = 7) — Clerks may move small amounts.`},
		{"a failed condition in the nearest permits", transfer(20000), `default_deny
permit "large-transfers": context.arguments.amount <= 9000 was false (amount = 20000)
permit "small-transfers": context.arguments.amount <= 1000 was false (amount = 20000) — Clerks may move small amounts.`},
		{"no scope matches", nobody, `default_deny
permit "large-transfers": principal in Group::"clerks" does not match Agent::"spiffe://acme.test/east/agent/alice"
permit "small-transfers": principal in Group::"clerks" does not match Agent::"spiffe://acme.test/east/agent/alice" — Clerks may move small amounts.`},
		{"approvals", transfer(5000), `approval_pending
0 of 2 approvals
permit "large-transfers": context.arguments.amount > 1000 was true (amount = 5000); context.arguments.amount <= 9000 was true (amount = 5000)`},
		{"forbidden", frozen, `forbidden
forbid "frozen": applies without condition — This account is frozen.`},
		{"an error", overflow, `evaluation_error
policy "fee-guard": integer overflow while attempting to add ` + "`9223372036854775807` with `1`" + `
forbid "fee-guard": context.arguments.amount + 1 < 0 could not be evaluated: integer overflow while attempting to add ` + "`9223372036854775807` with `1`" + ` (amount = 9223372036854775807)`},
		{"unless, with the alternative that held", bobs("secret/a"), `default_deny
permit "write-public": principal.team == "blue" was false (principal.team = "red")
permit "write-own": unless resource.id like "secret/*" was true (resource.id = "secret/a")`},
		{"invalid arguments", withArguments(`{}`), `arguments_invalid
argument "amount" is missing`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := set.Explain(tt.request)
			if got.String() != tt.want {
				t.Fatalf("got\n%s\nwant\n%s", got, tt.want)
			}
			if fmt.Sprint(got.Result) != fmt.Sprint(set.Evaluate(tt.request)) {
				t.Errorf("Explain and Evaluate differ: %+v", got.Result)
			}
		})
	}
}

// TestNearestCameFurthest checks the order of permits that all match in scope:
// what stands behind the first failed condition does not count.
func TestNearestCameFurthest(t *testing.T) {
	const scope = ` permit(principal, action == Action::"transfer", resource) when { `
	set := mustCompile(t, config(`
@id("a-early")`+scope+`context.arguments.amount < 5 && resource.id != "x" && resource.id != "y" && resource.id != "z" };
@id("b-late")`+scope+`resource.id != "x" && resource.id != "y" && context.arguments.amount < 6 };
@id("c-middle")`+scope+`resource.id != "x" && context.arguments.amount < 7 };`))
	var got []string
	for _, p := range set.Explain(transfer(100)).Policies {
		got = append(got, p.ID)
	}
	if strings.Join(got, " ") != "b-late c-middle a-early" {
		t.Errorf("order: %q", got)
	}
}

func TestExplainIsBounded(t *testing.T) {
	var b strings.Builder
	long := strings.Repeat("x", 4000)
	for i := range 200 {
		fmt.Fprintf(&b, "@id(\"p%03d\") @reason(%q) permit(principal, action == Action::\"transfer\", resource) when { resource.id != \"%d\"%s && resource.id == %q };\n",
			i, long, i, strings.Repeat(` && resource.id != "a"`, 50), long)
	}
	set := mustCompile(t, config(b.String()))
	r := transfer(1)
	r.Resource = strings.Repeat("r", 4096)
	got := set.Explain(r)
	if len(got.Policies) != 5 || got.Omitted != 195 || got.Policies[0].ID != "p000" {
		t.Fatalf("%d policies, first %q, %d omitted", len(got.Policies), got.Policies[0].ID, got.Omitted)
	}
	conditions := got.Policies[0].Conditions
	if len(conditions) != 12 || conditions[11].Holds {
		t.Fatalf("%d conditions, the last: %v", len(conditions), conditions[len(conditions)-1])
	}
	if size := len(fmt.Sprintf("%+v", got)); size > 64<<10 {
		t.Fatalf("an explanation of %d bytes", size)
	}
	for range 20 {
		if again := set.Explain(r); again.String() != got.String() {
			t.Fatal("two explanations of one request")
		}
	}
}

func TestExplainWithoutPolicies(t *testing.T) {
	var none *policy.Set
	if got := none.Explain(transfer(1)); got.Result.Allow || len(got.Policies) != 0 {
		t.Fatalf("%+v", got)
	}
	set := mustCompile(t, config(""))
	if got := set.Explain(transfer(1)).String(); got != "default_deny" {
		t.Fatalf("%q", got)
	}
}
