package transcript

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func (t *Teller) tellGovernance(f *ledger.Fold, rec ledger.Record, env *trust.Envelope) Line {
	said := rec.Effect.Record
	g := &Governance{ID: rec.Effect.ID.String(), Epoch: rec.Effect.Epoch}
	switch x := said.GetRecord().(type) {
	case *pb.Governance_Genesis:
		g.Record = "genesis"
		t.meet(f, x.Genesis.GetGovernors())
	case *pb.Governance_Release:
		g.Record, g.Number, g.Reason = "release", x.Release.GetVersion(), x.Release.GetNote()
	case *pb.Governance_Halt:
		g.Record, g.Scope, g.Reason = "halt", governance.ScopeString(x.Halt.GetScope()), x.Halt.GetReason()
	case *pb.Governance_Trip:
		g.Record, g.Scope, g.Reason = "trip", governance.ScopeString(x.Trip.GetScope()), x.Trip.GetDetail()
		g.Rule = x.Trip.GetRule()
	case *pb.Governance_Resume:
		g.Record, g.Reason = "resume", x.Resume.GetReason()
		for _, id := range x.Resume.GetHalts() {
			g.Halts = append(g.Halts, hex.EncodeToString(id))
		}
	case *pb.Governance_Revoke:
		g.Record, g.Reason = "revoke", x.Revoke.GetReason()
		g.Whom = orElse(x.Revoke.GetSpiffeId(), hex.EncodeToString(x.Revoke.GetKeyId()))
	case *pb.Governance_Loss:
		g.Record, g.Reason = "loss", x.Loss.GetReason()
		g.Scope = fmt.Sprintf("of all after %d, of %d", x.Loss.GetKept(), x.Loss.GetLost().GetSize())
	case *pb.Governance_Seal:
		g.Record, g.Reason = "seal", x.Seal.GetReason()
	}
	l := single(rec, Line{Governance: g})
	l.By = t.signers(f, env)
	return l
}

// meetRelease learns the governors of the release in force when it is new: the
// feed may have begun after it.
func (t *Teller) meetRelease(f *ledger.Fold) {
	if r := f.Governance().Release(); r != nil && r.Digest != t.release {
		t.release = r.Digest
		t.meet(f, r.Proto.GetGovernors())
	}
}

// meet learns governors' names. Old ones stay known: they sign for their
// successors.
func (t *Teller) meet(f *ledger.Fold, governors []*pb.Governor) {
	for _, g := range governors {
		if key, err := trust.NewPublicKey(g.GetPublicKey()); err == nil {
			id := trust.Identity{TrustDomain: f.Governance().TrustDomain(), Zone: f.Governance().Zone(), Role: pb.Role_ROLE_GOVERNOR, Name: g.GetName()}
			t.governors[key.ID()] = governorKey{id.String(), key}
		}
	}
}

// governorKey is one governor's key.
type governorKey struct {
	spiffeID string
	key      trust.PublicKey
}

// signers names those whose signature on a governance record verifies.
func (t *Teller) signers(f *ledger.Fold, env *trust.Envelope) []string {
	if env == nil {
		return nil
	}
	var names []string
	for i, s := range env.Signatures {
		if g, known := t.governors[s.KeyID]; known && env.VerifiedBy(i, g.key) {
			names = append(names, g.spiffeID)
		}
		if c, known := f.Credential(s.KeyID); known && env.VerifiedBy(i, c.Key) {
			names = append(names, c.ID.String())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
