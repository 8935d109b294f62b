package verdict_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestARevokedKeyMovesNoSession: whoever stole a key that was revoked can get
// denials, and cannot use up or move the sessions of the key's owner.
func TestARevokedKeyMovesNoSession(t *testing.T) {
	w := newWorld(t)
	before := w.ask(w.alice)
	if before.GetSessionSequence() == 0 {
		t.Fatalf("an intent in standing does not move its session: %v", before)
	}
	w.govern(trusttest.RevokeKey(w.alice.Key.ID()))
	d := w.ask(w.alice)
	if d.GetSessionSequence() != 0 || d.GetVerdict() != pb.Verdict_VERDICT_DENY_UNSPECIFIED {
		t.Fatalf("an intent under a revoked key: %v", d)
	}
}
