package verdict_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestLoweredIntentSize: a release may lower the size of an intent.
func TestLoweredIntentSize(t *testing.T) {
	w := newWorld(t)
	size := uint32(proto.Size(w.intent(w.alice)))
	w.release(bounds(func(b *pb.Bounds) { b.MaxIntentBytes = 2 * size }))
	if d := w.ask(w.alice); slices.Contains(d.GetReasons(), pb.Reason_REASON_INTENT_OVERSIZED) {
		t.Errorf("an intent within the bound: %v", d.GetReasons())
	}
	w.release(bounds(func(b *pb.Bounds) { b.MaxIntentBytes = 16 }))
	if d := w.ask(w.alice); d.GetVerdict() != pb.Verdict_VERDICT_DENY_UNSPECIFIED || !slices.Contains(d.GetReasons(), pb.Reason_REASON_INTENT_OVERSIZED) {
		t.Errorf("an intent beyond the bound: %v", d.GetReasons())
	}
}
