package history

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Governed is a governance record that took effect.
type Governed struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	Epoch    uint64    `json:"epoch"`
	ID       string    `json:"id"`                // SHA-256 of its payload; a resume names it
	Record   string    `json:"record"`            // genesis, release, halt, drill, trip, resume, revoke, loss or seal
	Version  uint64    `json:"version,omitempty"` // release
	Scope    string    `json:"scope,omitempty"`   // halt, trip
	Rule     string    `json:"rule,omitempty"`    // trip
	Subject  string    `json:"subject,omitempty"` // trip: what drifted
	Halts    []string  `json:"halts,omitempty"`   // resume
	Revoked  string    `json:"revoked,omitempty"` // a SPIFFE ID or a key id
	Reason   string    `json:"reason,omitempty"`
	By       []string  `json:"by"` // SPIFFE IDs of those whose signature verifies
}

// governed is a Governed and the keys of those who signed it.
type governed struct {
	Governed
	keys []trust.KeyID
}

// governor is a key that may sign governance records, or once might.
type governor struct {
	spiffeID string
	key      trust.PublicKey
}

// Governance lists what took effect, in order.
func (h *History) Governance() []Governed {
	all := make([]Governed, len(h.governed))
	for i, g := range h.governed {
		all[i] = g.Governed
	}
	return all
}

// Releases lists the releases that took effect, in order.
func (h *History) Releases() []Governed {
	return slices.DeleteFunc(h.Governance(), func(g Governed) bool { return g.Record != "release" })
}

func (h *History) takeGovernance(f *ledger.Fold, rec ledger.Record, a Ahead) {
	h.records++
	said := rec.Effect.Record
	h.meet(f, said.GetGenesis().GetGovernors())
	h.meet(f, said.GetRelease().GetGovernors())
	g := governed{Governed: told(said)}
	g.Position, g.LogTime, g.Epoch, g.ID = rec.Seq, rec.LogTime.UTC(), rec.Effect.Epoch, rec.Effect.ID.String()
	if rec.Effect.Drill {
		g.Record = "drill"
	}
	g.By, g.keys = h.signedBy(f, a.governing)
	h.text += len(g.Scope) + len(g.Subject) + len(g.Revoked) + len(g.Reason)
	h.governed = append(h.governed, g)
	if said.GetRelease() != nil {
		h.versions[rec.Effect.ID] = g.Version
	}
}

// told is what a record says by itself.
func told(said *pb.Governance) (g Governed) {
	switch x := said.GetRecord().(type) {
	case *pb.Governance_Genesis:
		g.Record = "genesis"
	case *pb.Governance_Release:
		g.Record, g.Version, g.Reason = "release", x.Release.GetVersion(), x.Release.GetNote()
	case *pb.Governance_Halt:
		g.Record, g.Scope, g.Reason = "halt", governance.ScopeString(x.Halt.GetScope()), x.Halt.GetReason()
	case *pb.Governance_Trip:
		g.Record, g.Scope, g.Reason = "trip", governance.ScopeString(x.Trip.GetScope()), x.Trip.GetDetail()
		g.Rule, g.Subject = x.Trip.GetRule(), x.Trip.GetSubject()
	case *pb.Governance_Resume:
		g.Record, g.Reason = "resume", x.Resume.GetReason()
		for _, id := range x.Resume.GetHalts() {
			g.Halts = append(g.Halts, trust.DigestIn(id).String())
		}
	case *pb.Governance_Revoke:
		g.Record, g.Revoked, g.Reason = "revoke", x.Revoke.GetSpiffeId(), x.Revoke.GetReason()
		if g.Revoked == "" {
			g.Revoked = trust.DigestIn(x.Revoke.GetKeyId()).String()
		}
	case *pb.Governance_Loss:
		g.Record, g.Reason = "loss", x.Loss.GetReason()
	case *pb.Governance_Seal:
		g.Record, g.Reason = "seal", x.Seal.GetReason()
	}
	return g
}

// meet learns governors' keys. Old ones stay known: they sign for their successors.
func (h *History) meet(f *ledger.Fold, all []*pb.Governor) {
	for _, g := range all {
		if key, err := trust.NewPublicKey(g.GetPublicKey()); err == nil { // what took effect holds good keys only
			id := trust.Identity{TrustDomain: f.Governance().TrustDomain(), Zone: f.Governance().Zone(), Role: pb.Role_ROLE_GOVERNOR, Name: g.GetName()}
			h.governors[key.ID()] = governor{id.String(), key}
		}
	}
}

// signedBy names those whose signature on a governance record verifies.
func (h *History) signedBy(f *ledger.Fold, env *trust.Envelope) (names []string, keys []trust.KeyID) {
	for i, s := range env.Signatures {
		if g, known := h.governors[s.KeyID]; known && env.VerifiedBy(i, g.key) {
			names, keys = append(names, g.spiffeID), append(keys, s.KeyID)
		} else if c, known := f.Credential(s.KeyID); known && env.VerifiedBy(i, c.Key) {
			names, keys = append(names, c.ID.String()), append(keys, s.KeyID)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), keys
}

// introduced is a credential that was introduced.
type introduced struct {
	at      uint64
	time    int64
	expires int64
	signer  uint32
}

func (h *History) takeCredential(rec ledger.Record) {
	h.records++
	h.bound = append(h.bound, introduced{rec.Seq, nanos(rec.LogTime), nanos(rec.Signer.Expires), h.signer(rec)})
}
