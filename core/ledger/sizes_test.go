package ledger

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestLoweredListSizes: a release may lower how much one list holds. The sender
// is authentic, so it gets a DENY and not silence.
func TestLoweredListSizes(t *testing.T) {
	for name, lower := range map[string]func(*pb.Bounds){
		"items": func(b *pb.Bounds) { b.MaxListItems = 2 },
		"bytes": func(b *pb.Bounds) { b.MaxListBytes = 60 },
	} {
		t.Run(name, func(t *testing.T) {
			l := blank(t)
			l.must(schemas.KindGovernance, "", l.zone.Genesis)
			l.must(schemas.KindGovernance, "", l.zone.Seal(trusttest.Released(l.zone.Release(func(p *pb.Release) { lower(p.Bounds) }))))
			l.must(schemas.KindCredential, alice.ID.Name, alice.Credential)
			send := func(items ...[]byte) error {
				return l.must(schemas.KindIntent, "alice", alice.List(schemas.KindIntent, l.zone.Ledger, items...)).ListErr
			}
			if err := send([]byte("a"), []byte("b")); err != nil {
				t.Errorf("a list within the release's sizes: %v", err)
			}
			err := send([]byte("0123456789"), []byte("0123456789"), []byte("0123456789"))
			if schemas.ReasonOf(err) != pb.Reason_REASON_PAYLOAD_MALFORMED {
				t.Errorf("a list beyond them: %v", err)
			}
		})
	}
}
