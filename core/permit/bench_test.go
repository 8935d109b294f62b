package permit_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
)

// BenchmarkBook measures what an executor does for one intent but read and
// verify the records: read a decision, judge a claim, spend the permit, forget.
func BenchmarkBook(b *testing.B) {
	w := newWorld(b, 1)
	w.pulse()
	r := w.request()
	d := item(w, w.decision(r))
	claim := ledger.Item{Bytes: encode(b, w.claimOf(r, w.x1))}
	deadline := r.intent.GetDeadline().AsTime()
	b.ReportAllocs()
	for b.Loop() {
		w.book.Decide(w.fold, "read", w.e1.ID, d, permit.ReadDecision(d.Bytes))
		ruling := w.book.Claim(w.fold, "read", w.x1.ID, ledger.Position{Seq: 99}, claim)
		if _, err := ruling.Permit.Spend(0, 0, r.bytes); err != nil {
			b.Fatal(err)
		}
		w.book.Expire(deadline)
	}
}
