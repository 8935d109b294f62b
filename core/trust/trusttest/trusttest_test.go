package trusttest_test

import (
	"bytes"
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestStable: golden files elsewhere rest on every run making the same bytes.
func TestStable(t *testing.T) {
	first, second := trusttest.NewZone(2, 3), trusttest.NewZone(2, 3)
	if !bytes.Equal(first.Genesis, second.Genesis) {
		t.Error("two zones of the same size have different genesis records")
	}
	if !bytes.Equal(first.Seal(trusttest.Released(first.Release())), second.Seal(trusttest.Released(second.Release()))) {
		t.Error("the same release sealed twice differs")
	}
	if a, b := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice"), first.CA.Member(pb.Role_ROLE_AGENT, "alice"); !bytes.Equal(a.Credential, b.Credential) {
		t.Error("the default root and the zone's make different credentials")
	}
}

func TestMemberHolds(t *testing.T) {
	issuers, err := trust.NewIssuers(trusttest.NewZone(1, 1).Release().GetIssuers())
	if err != nil {
		t.Fatal(err)
	}
	member := trusttest.NewMember(pb.Role_ROLE_AGENT, "alice")
	for _, m := range []trusttest.Member{member, trusttest.NewCA().Rotated(member, "second")} {
		env, err := trust.ParseEnvelope(m.Credential)
		if err != nil {
			t.Fatal(err)
		}
		cred, err := trust.VerifyCredential(env, issuers, trusttest.Start)
		if err != nil {
			t.Fatal(err)
		}
		if cred.ID != m.ID || cred.Key != m.Key.Public() {
			t.Errorf("credential of %s for key %s, want %s and %s", cred.ID, cred.Key.ID(), m.ID, m.Key.ID())
		}
	}
}

func TestSealedRecordsAreValid(t *testing.T) {
	z := trusttest.NewZone(2, 3)
	ids := map[trust.Digest]bool{}
	for _, sealed := range [][]byte{
		z.Genesis,
		z.Seal(trusttest.Released(z.Release())),
		z.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")),
		z.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, "")),
		z.Seal(trusttest.Trip()),
		z.Seal(trusttest.Resume(z.Ledger)),
		z.Seal(trusttest.RevokeKey(z.Ledger)),
		z.Seal(trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_AGENT, "alice"))),
	} {
		if err := schemas.Decode(trusttest.Payload(sealed), schemas.MaxPayload, new(pb.Governance)); err != nil {
			t.Error(err)
		}
		ids[trusttest.RecordID(sealed)] = true
	}
	if len(ids) != 8 {
		t.Errorf("8 records have %d distinct ids", len(ids))
	}
}
