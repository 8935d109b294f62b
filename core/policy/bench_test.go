package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
)

// benchConfig has n policies over many principals and resources, of which a few
// match the scope of benchRequest.
func benchConfig(n int) Config {
	var source []byte
	for i := range n {
		agent := fmt.Sprintf(`principal == Agent::"spiffe://acme.test/east/agent/a%d"`, i/4)
		source = fmt.Appendf(source, "@id(\"p%d\") ", i)
		switch i % 4 {
		case 0:
			source = fmt.Appendf(source, "permit(%s, action == Action::\"transfer\", resource) when { context.arguments.amount <= 1000 };\n", agent)
		case 1:
			source = fmt.Appendf(source, "permit(%s, action == Action::\"read\", resource) when { resource.id like \"docs/*\" };\n", agent)
		case 2:
			source = fmt.Appendf(source, "forbid(principal, action == Action::\"transfer\", resource == Account::\"acct-%d\") when { context.usage.daily > 90 };\n", i/4)
		case 3:
			source = fmt.Appendf(source, "forbid(%s, action in [Action::\"read\", Action::\"transfer\"], resource is Account) unless { principal.clearance >= 1 };\n", agent)
		}
	}
	return Config{
		Sources: []Source{{Name: "bench", Text: string(source)}},
		Tools: []Tool{
			{Name: "transfer", Action: "transfer", ResourceType: "Account", Arguments: []Attribute{
				{Name: "amount", Type: TypeLong, Required: true},
				{Name: "currency", Type: TypeString, Required: true},
				{Name: "memo", Type: TypeString},
			}},
			{Name: "read", Action: "read", ResourceType: "Account"},
		},
		PrincipalAttributes: []Attribute{{Name: "clearance", Type: TypeLong, Required: true}},
		Limits:              []string{"daily"},
	}
}

func benchRequest() Request {
	return Request{
		Principal: Principal{
			ID: "spiffe://acme.test/east/agent/a0", Groups: []string{"clerks", "emea"},
			Attributes: map[string]Value{"clearance": LongValue(3)},
		},
		Tool: "transfer", Resource: "acct-0",
		Arguments: []byte(`{"amount": 5, "currency": "EUR", "memo": "rent for november"}`),
		Usage:     map[string]int64{"daily": 1},
		LogTime:   time.Unix(1_795_000_000, 0),
	}
}

// BenchmarkEvaluate measures one decision through the index, and the same
// decision by Cedar over the whole set, at growing numbers of policies.
func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{1, 100, 1_000, 10_000} {
		set, err := Compile(benchConfig(n))
		if err != nil {
			b.Fatal(err)
		}
		whole := cedar.PolicyMap{}
		for i := range set.rules {
			whole[cedar.PolicyID(set.rules[i].id)] = set.rules[i].compiled
		}
		r := benchRequest()
		b.Run(fmt.Sprintf("index/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !set.Evaluate(r).Allow {
					b.Fatal("denied")
				}
			}
		})
		b.Run(fmt.Sprintf("whole/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, _ := set.admit(r)
				decision, diagnostic := cedar.Authorize(whole, w, w.request)
				if !set.conclude(decision, diagnostic, 0).Allow {
					b.Fatal("denied")
				}
			}
		})
	}
}

// BenchmarkAdmit measures what a request costs before any policy is looked at.
func BenchmarkAdmit(b *testing.B) {
	set, err := Compile(benchConfig(1))
	if err != nil {
		b.Fatal(err)
	}
	r := benchRequest()
	b.ReportAllocs()
	for b.Loop() {
		if _, no := set.admit(r); no != nil {
			b.Fatal(no.message)
		}
	}
}

// BenchmarkCompile measures a whole compilation with every check.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		cfg := benchConfig(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(cfg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExplain measures a default deny among many permits.
func BenchmarkExplain(b *testing.B) {
	set, err := Compile(benchConfig(10_000))
	if err != nil {
		b.Fatal(err)
	}
	r := benchRequest()
	r.Arguments = []byte(`{"amount": 5000, "currency": "EUR"}`)
	b.ReportAllocs()
	for b.Loop() {
		if set.Explain(r).Result.Code != DefaultDeny {
			b.Fatal("not a default deny")
		}
	}
}
