package verdict_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// FuzzDecide: whatever bytes an agent signs, there is one decision, readers
// accept it, the same bytes get no second one before their deadline, and what
// was not read is not allowed.
func FuzzDecide(f *testing.F) {
	w := newWorld(f)
	for _, in := range []*pb.Intent{w.intent(w.alice), w.intent(w.alice, pay(1)), w.intent(w.alice, arguments(`{"path":"\ud800"}`))} {
		f.Add(encode(f, in))
	}
	f.Add([]byte(nil))
	f.Add([]byte{0xff})
	signer, known := w.fold.Credential(w.alice.Key.ID())
	if !known {
		f.Fatal("alice has no credential")
	}
	f.Fuzz(func(t *testing.T, item []byte) {
		state, read := verdict.NewState(), verdict.Read(item)
		in := verdict.Intent{
			Position: ledger.Position{Seq: 9}, Digest: trust.DigestOf(item), Signer: signer, Content: read.Intent, Defect: read.Defect,
		}
		d := state.Decide(w.fold, w.rules, in)
		checkDecision(t, d)
		if (read.Intent == nil || read.Defect != 0) && d.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
			t.Fatalf("allowed with defect %v", read.Defect)
		}
		state.Apply(d, w.rules.Release.Bounds.Memory)
		again := state.Decide(w.fold, w.rules, in)
		if (again == nil) != d.GetDeadline().AsTime().After(w.now) {
			t.Fatalf("deadline %v, second decision %v", d.GetDeadline().AsTime(), again)
		}
		if again != nil && again.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
			t.Fatal("the same bytes were allowed the second time")
		}
	})
}
