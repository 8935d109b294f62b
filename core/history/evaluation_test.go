package history_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/history"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestEvaluations: what asked for a decision only is final with it, whatever claims and
// answers come.
func TestEvaluations(t *testing.T) {
	w := newWorld(t, history.Config{})
	w.pulse()
	only := func(in *pb.Intent) { in.Evaluation = true }
	allowed, claimed, pending, asked := w.one("alice", only), w.one("alice", only), w.one("alice", pay(90), only), w.one("alice", pay(90))
	w.decide("e1", "e2")
	w.claim(claimed, "x1")
	w.answer(pending, true, "go on")
	for name, tt := range map[string]struct {
		of   request
		want history.State
	}{
		"allowed": {allowed, history.StateEvaluated}, "claimed all the same": {claimed, history.StateEvaluated},
		"policy asks people": {pending, history.StateDenied}, "to be carried out": {asked, history.StateWaiting},
	} {
		got, ok := w.history.Intent(tt.of.digest)
		if !ok || got.State != tt.want || got.State.Final() != (tt.want != history.StateWaiting) {
			t.Errorf("%s: %q, want %q", name, got.State, tt.want)
		}
	}
	if got, _ := w.history.Intent(claimed.digest); len(got.Claims) != 1 || got.Claims[0].Void != "claim.evaluation" {
		t.Errorf("claims %+v", got.Claims)
	}
}
