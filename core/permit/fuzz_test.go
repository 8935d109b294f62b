package permit_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// FuzzBook: no bytes in the place of decisions and claims make a valid claim on
// anything but the intent that was decided, nor two on that one.
func FuzzBook(f *testing.F) {
	w := newWorld(f, 1)
	w.pulse()
	r := w.request()
	decision := encode(f, w.decision(r))
	claim := encode(f, w.claimOf(r, w.x1))
	f.Add(decision, claim)
	f.Add(claim, decision)
	f.Add([]byte{}, []byte{0xff})
	f.Fuzz(func(t *testing.T, decision, claim []byte) {
		book := permit.NewBook(permit.Owner{ID: w.x1.ID, Incarnation: w.incarnation})
		d := permit.ReadDecision(decision)
		quorum := book.Decide(w.fold, "read", w.e1.ID, ledger.Item{Bytes: decision, Digest: trust.DigestOf(decision)}, d)
		for i := range 2 {
			ruling := book.Claim(w.fold, "read", w.x1.ID, ledger.Position{Seq: uint64(100 + i)}, ledger.Item{Bytes: claim})
			checkRuling(t, ruling)
			if ruling.Valid() && (quorum == nil || i > 0 || string(quorum.GetIntentDigest()) != string(ruling.Intent[:])) {
				t.Fatalf("claim %d is valid for quorum %v", i, quorum)
			}
		}
	})
}
