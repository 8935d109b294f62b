package audit_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
)

// TestSettled: a copy of an outcome is known by its bytes alone, and only the
// newest are remembered.
func TestSettled(t *testing.T) {
	var s audit.Settled
	did, other := trust.DigestOf([]byte("done")), trust.DigestOf([]byte("failed"))
	at := func(seq int) ledger.Position { return ledger.Position{Seq: uint64(seq)} }
	if s.Proves(at(0), trust.Digest{}) {
		t.Error("what never was is proved")
	}
	for seq := range audit.MaxSettled + 1 {
		s.Add(at(seq), did)
	}
	tests := []struct {
		name    string
		claim   ledger.Position
		outcome trust.Digest
		want    bool
	}{
		{"the newest", at(audit.MaxSettled), did, true},
		{"the oldest that is remembered", at(1), did, true},
		{"one too old", at(0), did, false},
		{"other bytes", at(1), other, false},
		{"another item", ledger.Position{Seq: 1, Index: 1}, did, false},
		{"a claim to come", at(audit.MaxSettled + 1), did, false},
	}
	for _, test := range tests {
		if got := s.Proves(test.claim, test.outcome); got != test.want {
			t.Errorf("%s: proved %v", test.name, got)
		}
	}
}
