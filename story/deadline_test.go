package story

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/portcullis-dev/portcullis/agent"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestOnlyAnIntentThatCameLateIsProposedAgain: any other answer, above all that something
// was done, is a fault of the step and not of a busy machine.
func TestOnlyAnIntentThatCameLateIsProposedAgain(t *testing.T) {
	const late, denied = pb.Reason_REASON_DEADLINE_PASSED, pb.Reason_REASON_POLICY_DEFAULT_DENY
	for name, test := range map[string]struct {
		answer error
		want   bool
	}{
		"late":               {&agent.Refused{Reasons: []pb.Reason{late}}, true},
		"never sent":         {fmt.Errorf("proposing: %w", agent.ErrNotSent), true},
		"executed":           {nil, false},
		"unanswered":         {new(agent.Unanswered), false},
		"denied":             {&agent.Refused{Reasons: []pb.Reason{denied}}, false},
		"denied, late too":   {&agent.Refused{Reasons: []pb.Reason{late, denied}}, false},
		"refused for naught": {new(agent.Refused), false},
		"claimed":            {&agent.NotExecuted{Reason: late}, false},
		"ended":              {context.Canceled, false},
		"something else":     {errors.New("something else"), false},
	} {
		if got := cameLate(test.answer); got != test.want {
			t.Errorf("%s: proposed again %t, want %t", name, got, test.want)
		}
	}
}
