package policy_test

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/policy"
)

func Example() {
	set, err := policy.Compile(policy.Config{
		Sources: []policy.Source{{Name: "transfers.cedar", Text: `
			@id("small-transfers")
			permit(principal in Group::"clerks", action == Action::"transfer", resource)
			when { context.arguments.amount <= 1000 };`}},
		Tools: []policy.Tool{{
			Name: "bank.transfer", Action: "transfer", ResourceType: "Account",
			Arguments: []policy.Attribute{{Name: "amount", Type: policy.TypeLong, Required: true}},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	request := policy.Request{
		Principal: policy.Principal{ID: "spiffe://acme.test/east/agent/alice", Groups: []string{"clerks"}},
		Tool:      "bank.transfer",
		Resource:  "acct-7",
		Arguments: []byte(`{"amount": 5000}`),
		LogTime:   time.Unix(1_795_000_000, 0),
	}
	fmt.Println(set.Evaluate(request).Allow)
	fmt.Println(set.Explain(request))
	// Output:
	// false
	// default_deny
	// permit "small-transfers": context.arguments.amount <= 1000 was false (amount = 5000)
}
