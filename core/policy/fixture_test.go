package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/policy"
)

const (
	alice = "spiffe://acme.test/east/agent/alice"
	bob   = "spiffe://acme.test/east/agent/bob"
)

// tools is a registry with every type, used by all tests.
func tools() []policy.Tool {
	return []policy.Tool{
		{
			Name: "file.read", Action: "file-read", ResourceType: "File",
			Arguments: []policy.Attribute{
				{Name: "path", Type: policy.TypeString, Required: true, MaxLength: 64},
				{Name: "limit", Type: policy.TypeLong},
			},
			Context: []policy.Attribute{{Name: "ticket", Type: policy.TypeString}},
		},
		{
			Name: "file.write", Action: "file-write", ResourceType: "File",
			Arguments: []policy.Attribute{{Name: "path", Type: policy.TypeString, Required: true}},
		},
		{
			Name: "transfer", Action: "transfer", ResourceType: "Account",
			Arguments: []policy.Attribute{
				{Name: "amount", Type: policy.TypeLong, Required: true},
				{Name: "fee", Type: policy.TypeLong, Min: new(int64(0)), Max: new(int64(100))},
				{Name: "currency", Type: policy.TypeString, Required: true, Enum: []string{"EUR", "USD"}},
				{Name: "tags", Type: policy.TypeStringSet, MaxItems: 3, MaxLength: 8},
				{Name: "codes", Type: policy.TypeLongSet, Max: new(int64(9))},
				{Name: "rate", Type: policy.TypeDecimal},
				{Name: "urgent", Type: policy.TypeBool},
			},
		},
	}
}

// config is the registry with one source.
func config(policies string) policy.Config {
	return policy.Config{
		Sources: []policy.Source{{Name: "zone.cedar", Text: policies}},
		Tools:   tools(),
		PrincipalAttributes: []policy.Attribute{
			{Name: "clearance", Type: policy.TypeLong, Required: true, Min: new(int64(0)), Max: new(int64(5))},
			{Name: "team", Type: policy.TypeString},
			{Name: "skills", Type: policy.TypeStringSet, MaxItems: 2},
		},
		Limits: []string{"daily"},
		Groups: []string{"clerks", "auditors"},
	}
}

func mustCompile(t testing.TB, cfg policy.Config) *policy.Set {
	t.Helper()
	set, err := policy.Compile(cfg)
	if err != nil {
		t.Fatalf("compile:\n%v", err)
	}
	return set
}

// transfer is a valid request; tests change what they test.
func transfer(amount int64) policy.Request {
	return policy.Request{
		Principal: policy.Principal{
			ID: alice, Groups: []string{"clerks"},
			Attributes: map[string]policy.Value{"clearance": policy.LongValue(2), "team": policy.StringValue("red")},
		},
		Tool:      "transfer",
		Resource:  "acct-7",
		Arguments: fmt.Appendf(nil, `{"amount": %d, "currency": "EUR"}`, amount),
		Session:   1,
		Usage:     map[string]int64{"daily": 10},
		LogTime:   time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
}

func fileRequest(tool, path string) policy.Request {
	r := transfer(0)
	r.Tool, r.Resource = tool, path
	r.Arguments = fmt.Appendf(nil, `{"path": %q}`, path)
	return r
}
