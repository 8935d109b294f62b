package policy_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/policy"
)

const zonePolicies = `
@id("small-transfers") @reason("Clerks may move small amounts.")
permit(principal in Group::"clerks", action == Action::"transfer", resource is Account)
when { context.arguments.amount <= 1000 };

@id("large-transfers") @approvals("2")
permit(principal in Group::"clerks", action == Action::"transfer", resource)
when { context.arguments.amount > 1000 && context.arguments.amount <= 9000 };

@id("frozen") @reason("This account is frozen.")
forbid(principal, action == Action::"transfer", resource == Account::"acct-9");

@id("fee-guard")
forbid(principal, action == Action::"transfer", resource)
when { context.arguments has codes && context.arguments.amount + 1 < 0 };

@id("read-docs")
permit(principal, action == Action::"file-read", resource)
when { resource.id like "docs/*" }
unless { context has delegator && !(context.delegator in Group::"auditors") };

@id("lockdown")
forbid(principal, action in Action::"all", resource)
when { context.usage.daily >= 100 };
`

func TestEvaluate(t *testing.T) {
	set := mustCompile(t, config(zonePolicies))
	change := func(r policy.Request, f func(*policy.Request)) policy.Request {
		f(&r)
		return r
	}
	arguments := func(json string) policy.Request {
		return change(transfer(0), func(r *policy.Request) { r.Arguments = []byte(json) })
	}
	tests := []struct {
		name     string
		request  policy.Request
		want     policy.Code
		policies []string
		message  string // part of the first error
	}{
		{"allowed at the bound", transfer(1000), policy.Allowed, []string{"small-transfers"}, ""},
		{"pending without approvals", transfer(1001), policy.ApprovalPending, []string{"large-transfers"}, "0 of 2 approvals"},
		{"pending with one approval", change(transfer(5000), func(r *policy.Request) { r.Approvals = 1 }), policy.ApprovalPending, []string{"large-transfers"}, "1 of 2"},
		{"allowed with two approvals", change(transfer(5000), func(r *policy.Request) { r.Approvals = 2 }), policy.Allowed, []string{"large-transfers"}, ""},
		{"approvals do not lift the bound", change(transfer(9001), func(r *policy.Request) { r.Approvals = 9 }), policy.DefaultDeny, nil, ""},
		{"no group, no permit", change(transfer(1), func(r *policy.Request) { r.Principal.Groups = nil }), policy.DefaultDeny, nil, ""},
		{"a group of another name", change(transfer(1), func(r *policy.Request) { r.Principal.Groups = []string{"Clerks"} }), policy.DefaultDeny, nil, ""},
		{"forbid beats permit", change(transfer(1), func(r *policy.Request) { r.Resource = "acct-9" }), policy.Forbidden, []string{"frozen"}, ""},
		{"two forbids, sorted", change(transfer(1), func(r *policy.Request) {
			r.Resource = "acct-9"
			r.Usage = map[string]int64{"daily": 100}
		}), policy.Forbidden, []string{"frozen", "lockdown"}, ""},
		{"a forbid that fails denies", arguments(`{"amount": 9223372036854775807, "currency": "EUR", "codes": []}`), policy.EvaluationError, []string{"fee-guard"}, "integer overflow"},
		{"docs", fileRequest("file.read", "docs/a"), policy.Allowed, []string{"read-docs"}, ""},
		{"not docs", fileRequest("file.read", "etc/passwd"), policy.DefaultDeny, nil, ""},
		{"no permit for the tool", fileRequest("file.write", "docs/a"), policy.DefaultDeny, nil, ""},
		{"delegator outside auditors", change(fileRequest("file.read", "docs/a"), func(r *policy.Request) {
			r.Delegator = policy.Principal{ID: bob, Attributes: map[string]policy.Value{"clearance": policy.LongValue(1)}}
		}), policy.DefaultDeny, nil, ""},
		{"delegator among auditors", change(fileRequest("file.read", "docs/a"), func(r *policy.Request) {
			r.Delegator = policy.Principal{ID: bob, Groups: []string{"auditors"}, Attributes: map[string]policy.Value{"clearance": policy.LongValue(1)}}
		}), policy.Allowed, []string{"read-docs"}, ""},

		{"unknown tool", change(transfer(1), func(r *policy.Request) { r.Tool = "Transfer" }), policy.ToolUnknown, nil, `"Transfer"`},
		{"zero request", policy.Request{}, policy.ToolUnknown, nil, `""`},
		{"no principal", change(transfer(1), func(r *policy.Request) { r.Principal.ID = "" }), policy.PrincipalInvalid, nil, "not a SPIFFE ID"},
		{"mangled principal", change(transfer(1), func(r *policy.Request) { r.Principal.ID = alice + "\n" }), policy.PrincipalInvalid, nil, "not a SPIFFE ID"},
		{"missing attribute", change(transfer(1), func(r *policy.Request) { r.Principal.Attributes = nil }), policy.PrincipalInvalid, nil, `lacks the attribute "clearance"`},
		{"attribute of another type", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": policy.StringValue("2")}
		}), policy.PrincipalInvalid, nil, "is String, and Long is declared"},
		{"attribute out of bounds", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": policy.LongValue(6)}
		}), policy.PrincipalInvalid, nil, "only 0 to 5"},
		{"set attribute", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": policy.LongValue(1), "skills": policy.StringSetValue("a", "b")}
		}), policy.Allowed, []string{"small-transfers"}, ""},
		{"set attribute with too many members", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": policy.LongValue(1), "skills": policy.StringSetValue("a", "b", "c")}
		}), policy.PrincipalInvalid, nil, "has 3 members"},
		{"string attribute that is not UTF-8", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": policy.LongValue(1), "team": policy.StringValue("\xff")}
		}), policy.PrincipalInvalid, nil, "not valid UTF-8"},
		{"zero value", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": {}}
		}), policy.PrincipalInvalid, nil, "undeclared"},
		{"undeclared attribute", change(transfer(1), func(r *policy.Request) {
			r.Principal.Attributes = map[string]policy.Value{"clearance": policy.LongValue(1), "zz": policy.BoolValue(true), "root": policy.BoolValue(true)}
		}), policy.PrincipalInvalid, nil, `undeclared attribute "root"`},
		{"unusable group", change(transfer(1), func(r *policy.Request) { r.Principal.Groups = []string{""} }), policy.PrincipalInvalid, nil, "unusable group"},
		{"own delegator", change(transfer(1), func(r *policy.Request) { r.Delegator = r.Principal }), policy.PrincipalInvalid, nil, "own delegator"},
		{"unusable delegator", change(transfer(1), func(r *policy.Request) { r.Delegator.ID = "bob" }), policy.PrincipalInvalid, nil, "the delegator"},
		{"no resource", change(transfer(1), func(r *policy.Request) { r.Resource = "" }), policy.ResourceInvalid, nil, ""},
		{"NUL in the resource", change(transfer(1), func(r *policy.Request) { r.Resource = "a\x00b" }), policy.ResourceInvalid, nil, ""},
		{"DEL in the resource", change(transfer(1), func(r *policy.Request) { r.Resource = "a\x7fb" }), policy.ResourceInvalid, nil, ""},
		{"C1 control in the resource", change(transfer(1), func(r *policy.Request) { r.Resource = "a\u0085b" }), policy.ResourceInvalid, nil, ""},
		{"resource not UTF-8", change(transfer(1), func(r *policy.Request) { r.Resource = "a\xff" }), policy.ResourceInvalid, nil, ""},
		{"resource too long", change(transfer(1), func(r *policy.Request) { r.Resource = strings.Repeat("a", 4097) }), policy.ResourceInvalid, nil, ""},
		{"no arguments", arguments(``), policy.ArgumentsInvalid, nil, "nothing"},
		{"context attribute unknown", change(transfer(1), func(r *policy.Request) { r.Context = []byte(`{"ticket":"T"}`) }), policy.ContextInvalid, nil, `"ticket" is unknown`},
		{"context not JSON", change(fileRequest("file.read", "docs/a"), func(r *policy.Request) { r.Context = []byte(`[]`) }), policy.ContextInvalid, nil, "an array"},
		{"context as declared", change(fileRequest("file.read", "docs/a"), func(r *policy.Request) { r.Context = []byte(`{"ticket":"T"}`) }), policy.Allowed, []string{"read-docs"}, ""},
		{"usage missing", change(transfer(1), func(r *policy.Request) { r.Usage = nil }), policy.StateInvalid, nil, "0 limits"},
		{"usage of another limit", change(transfer(1), func(r *policy.Request) { r.Usage = map[string]int64{"weekly": 1} }), policy.StateInvalid, nil, `"daily"`},
		{"usage negative", change(transfer(1), func(r *policy.Request) { r.Usage = map[string]int64{"daily": -1} }), policy.StateInvalid, nil, `"daily"`},
		{"usage too large", change(transfer(1), func(r *policy.Request) { r.Usage = map[string]int64{"daily": 1<<62 + 1} }), policy.StateInvalid, nil, `"daily"`},
		{"log time before 1970", change(transfer(1), func(r *policy.Request) { r.LogTime = time.Unix(-1, 0) }), policy.StateInvalid, nil, "log time"},
		{"log time after 9999", change(transfer(1), func(r *policy.Request) { r.LogTime = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), policy.StateInvalid, nil, "log time"},
		{"session too large", change(transfer(1), func(r *policy.Request) { r.Session = math.MaxInt64 + 1 }), policy.StateInvalid, nil, "63 bits"},
		{"no log time", change(transfer(1), func(r *policy.Request) { r.LogTime = time.Time{} }), policy.StateInvalid, nil, "log time"},
		{"negative approvals", change(transfer(1), func(r *policy.Request) { r.Approvals = -1 }), policy.StateInvalid, nil, "-1"},
	}
	reached := map[policy.Code]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := set.Evaluate(tt.request)
			reached[got.Code] = true
			if got.Code != tt.want || got.Allow != (tt.want == policy.Allowed) {
				t.Fatalf("got %+v, want code %s", got, tt.want)
			}
			if !slices.Equal(got.Policies, tt.policies) {
				t.Errorf("policies %q, want %q", got.Policies, tt.policies)
			}
			if tt.message != "" && (len(got.Errors) == 0 || !strings.Contains(got.Errors[0], tt.message)) {
				t.Errorf("errors %q, want %q in the first", got.Errors, tt.message)
			}
			if tt.want == policy.Allowed && len(got.Errors) > 0 {
				t.Errorf("an allow with errors: %q", got.Errors)
			}
		})
	}
	for _, code := range policy.Codes() {
		// The next tests reach these two.
		if !reached[code] && code != policy.Unevaluated && code != policy.InternalError {
			t.Errorf("no case reaches %s", code)
		}
	}
}

// TestErrorsDeny checks what Cedar itself would allow: it skips a policy whose
// evaluation fails, a forbid too.
func TestErrorsDeny(t *testing.T) {
	const fails = ` when { context.arguments.amount + 9223372036854775807 > 0 };`
	tests := []struct {
		name, policies string
		want           policy.Code
		ids            []string
		errors         int
	}{
		{"a forbid fails beside a permit", permitAll + `@id("f") forbid(principal, action == Action::"transfer", resource)` + fails, policy.EvaluationError, []string{"f"}, 1},
		{"a permit fails beside a permit", permitAll + `@id("p") permit(principal, action == Action::"transfer", resource)` + fails, policy.EvaluationError, []string{"p"}, 1},
		{"both fail", permitAll + `@id("p") permit(principal, action == Action::"transfer", resource)` + fails + `@id("f") forbid(principal, action == Action::"transfer", resource)` + fails, policy.EvaluationError, []string{"f", "p"}, 2},
		{"a permit fails beside a forbid", permitAll + `@id("p") permit(principal, action == Action::"transfer", resource)` + fails + `@id("f") forbid(principal, action, resource);`, policy.Forbidden, []string{"f"}, 1},
		{"a failure out of scope does not count", permitAll + `@id("f") forbid(principal, action == Action::"transfer", resource == Account::"other")` + fails, policy.Allowed, []string{"all"}, 0},
		{"a failure behind a false guard does not count", permitAll + `@id("f") forbid(principal, action == Action::"transfer", resource) when { resource.id == "other" }` + fails, policy.Allowed, []string{"all"}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := mustCompile(t, config(tt.policies)).Evaluate(transfer(1))
			if got.Code != tt.want || got.Allow != (tt.want == policy.Allowed) || !slices.Equal(got.Policies, tt.ids) {
				t.Fatalf("%+v", got)
			}
			if len(got.Errors) != tt.errors {
				t.Errorf("errors %q, want %d", got.Errors, tt.errors)
			}
		})
	}
}

// TestApprovals checks that of several permits the least demanding one counts.
func TestApprovals(t *testing.T) {
	const scope = `permit(principal, action == Action::"transfer", resource)`
	set := mustCompile(t, config(`@id("three") @approvals("3")`+scope+`;@id("one") @approvals("1")`+scope+`;@id("none")`+scope+` when { context.arguments.amount < 10 };`))
	tests := []struct {
		amount    int64
		approvals int
		want      policy.Result
	}{
		{1, 0, policy.Result{Allow: true, Code: policy.Allowed, Policies: []string{"none"}}},
		{1, 1, policy.Result{Allow: true, Code: policy.Allowed, Policies: []string{"none", "one"}}},
		{99, 0, policy.Result{Code: policy.ApprovalPending, Policies: []string{"one", "three"}, Approvals: 1, Errors: []string{"0 of 1 approvals"}}},
		{99, 2, policy.Result{Allow: true, Code: policy.Allowed, Policies: []string{"one"}}},
		{99, 3, policy.Result{Allow: true, Code: policy.Allowed, Policies: []string{"one", "three"}}},
	}
	for _, tt := range tests {
		r := transfer(tt.amount)
		r.Approvals = tt.approvals
		if got := set.Evaluate(r); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) {
			t.Errorf("amount %d, %d approvals: %+v, want %+v", tt.amount, tt.approvals, got, tt.want)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `@id("p%02d") permit(principal, action == Action::"transfer", resource) when { context.arguments.amount + %d > 0 };`, i, int64(math.MaxInt64)-int64(i))
	}
	got := mustCompile(t, config(b.String())).Evaluate(transfer(1000))
	if len(got.Errors) != 16 || len(got.Policies) != 40 || !slices.IsSorted(got.Errors) || !slices.IsSorted(got.Policies) {
		t.Fatalf("%d errors, %d policies: %+v", len(got.Errors), len(got.Policies), got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	set := mustCompile(t, config(zonePolicies))
	want := set.Explain(transfer(20000)).String()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if got := set.Explain(transfer(20000)).String(); got != want {
					t.Errorf("got %s", got)
				}
			}
		})
	}
	all.Wait()
}

func TestZeroValuesDeny(t *testing.T) {
	var none *policy.Set
	for name, got := range map[string]policy.Result{
		"zero result": {},
		"nil set":     none.Evaluate(transfer(1)),
		"zero set":    new(policy.Set).Evaluate(transfer(1)),
	} {
		if got.Allow || got.Code != policy.Unevaluated {
			t.Errorf("%s: %+v", name, got)
		}
	}
	empty := mustCompile(t, policy.Config{})
	if got := empty.Evaluate(transfer(1)); got.Allow || got.Code != policy.ToolUnknown {
		t.Errorf("empty config: %+v", got)
	}
}

func TestCodeNamesAreDistinct(t *testing.T) {
	seen := map[string]policy.Code{}
	for _, c := range policy.Codes() {
		if other, twice := seen[c.String()]; twice || c.String() == "" {
			t.Errorf("codes %d and %d are both %q", other, c, c)
		}
		seen[c.String()] = c
	}
	if got := policy.Code(200).String(); got != "code(200)" {
		t.Errorf("unknown code is %q", got)
	}
}
