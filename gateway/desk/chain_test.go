package desk

import (
	"errors"
	"fmt"
	"testing"

	"github.com/portcullis-dev/portcullis/agent"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestWhatBreaksASession: an intent that is missing on the ledger, and what enforcers
// say of those after it; nothing else.
func TestWhatBreaksASession(t *testing.T) {
	refused := func(r ...pb.Reason) error { return fmt.Errorf("asked: %w", &agent.Refused{Reasons: r}) }
	for name, tt := range map[string]struct {
		err    error
		breaks bool
	}{
		"done":            {nil, false},
		"not sent":        {fmt.Errorf("%w: no room", agent.ErrNotSent), true},
		"nobody answered": {&agent.Unanswered{Stored: true}, false},
		"nobody knows":    {&agent.Unanswered{}, true},
		"denied":          {refused(pb.Reason_REASON_POLICY_FORBIDDEN), false},
		"a gap":           {refused(pb.Reason_REASON_SESSION_GAP, pb.Reason_REASON_POLICY_FORBIDDEN), true},
		"a fork":          {refused(pb.Reason_REASON_SESSION_FORK), true},
		"failed":          {&agent.NotExecuted{Status: pb.Status_STATUS_FAILED}, false},
		"something else":  {errors.New("else"), false},
	} {
		if got := breaks(tt.err); got != tt.breaks {
			t.Errorf("%s: %v, want %v", name, got, tt.breaks)
		}
	}
}
