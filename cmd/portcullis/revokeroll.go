package main

import (
	"context"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

// roll is whom and which keys a ledger knows: everything that can be revoked.
type roll struct {
	parser  ledger.Parser
	fold    *ledger.Fold
	state   *governance.State
	release *governance.Release // in force
	keys    []known             // in the order in which the ledger named them first
}

// known is a signing key that the ledger knows.
type known struct {
	key  trust.KeyID
	id   trust.Identity   // whose it is
	seq  uint64           // where it was named first
	cred trust.Credential // the newest for it; zero for a governor's key
}

// readRoll reads a ledger to its newest record. A ledger without a release is
// refused: nobody is known there.
func readRoll(ctx context.Context, f *fabric.Fabric, gov *zone.Governing) (*roll, error) {
	releases, err := gov.Releases(ctx)
	if err != nil {
		return nil, err
	}
	records, err := feed.Rest(ctx, gov.Conn(), f.Zone, releases.Last)
	if err != nil {
		return nil, err
	}
	r := newRoll(f.Zone, f.Ledger)
	for _, raw := range records {
		r.step(raw)
	}
	r.fold.RaiseLogTime(releases.LogTime) // other records are newer than those
	return r, nil
}

// newRoll is the roll of a ledger's beginning.
func newRoll(zone string, genesis trust.Digest) *roll {
	fold := ledger.NewFold(genesis, nil)
	return &roll{parser: ledger.Parser{Zone: zone}, fold: fold, state: fold.Governance()}
}

// step takes in the keys that a governance record or a credential names.
func (r *roll) step(raw ledger.Raw) {
	rec, err := r.fold.Step(r.parser.Parse(raw))
	if err != nil {
		return // noise introduces nobody
	}
	r.release = r.state.Release()
	if rec.Kind == schemas.KindCredential {
		r.add(known{key: rec.Signer.Key.ID(), id: rec.Signer.ID, seq: rec.Seq, cred: rec.Signer})
		return
	}
	genesis, release := rec.Effect.Record.GetGenesis(), rec.Effect.Record.GetRelease()
	for _, g := range append(slices.Clone(genesis.GetGovernors()), release.GetGovernors()...) {
		r.add(known{key: trust.DigestOf(g.GetPublicKey()), id: r.identity(pb.Role_ROLE_GOVERNOR, g.GetName()), seq: rec.Seq})
	}
}

// add keeps where a key was named first, and its newest credential.
func (r *roll) add(k known) {
	i := slices.IndexFunc(r.keys, func(have known) bool { return have.key == k.key && have.id == k.id })
	if i < 0 {
		r.keys = append(r.keys, k)
		return
	}
	r.keys[i].cred = k.cred
}

// identity is somebody of this zone.
func (r *roll) identity(role pb.Role, name string) trust.Identity {
	return trust.Identity{TrustDomain: r.state.TrustDomain(), Zone: r.state.Zone(), Role: role, Name: name}
}

// names lists who of a role is in the directory and not revoked.
func (r *roll) names(role pb.Role) (names []string) {
	for _, entry := range r.release.Proto.GetDirectory() {
		if id := r.identity(entry.GetRole(), entry.GetName()); id.Role == role && !r.state.RevokedID(id.String()) {
			names = append(names, id.Name)
		}
	}
	return names
}

// whyNot says why what a key signs does not count now; "" if it does.
func (r *roll) whyNot(k known) string {
	if reason, ok := r.standing(k); !ok {
		return schemas.ReasonCode(reason)
	}
	return ""
}

func (r *roll) standing(k known) (reason pb.Reason, ok bool) {
	switch {
	case k.id.Role != pb.Role_ROLE_GOVERNOR:
		return r.fold.Standing(k.cred)
	case r.state.Revoked(k.key, ""):
		return pb.Reason_REASON_NOISE_REVOKED, false
	default:
		_, ok = r.state.Governors()[k.key]
		return pb.Reason_REASON_NOISE_UNENROLLED, ok
	}
}

// left lists who of a role would still have a key that counts if a subject were
// revoked, of those whom the directory gives a tool ("": whatever it gives).
func (r *roll) left(role pb.Role, tool string, about subject) (names []string) {
	for _, name := range r.names(role) {
		id := r.identity(role, name)
		entry, _ := r.release.Identity(id)
		if (tool == "" || entry.MayUse(tool)) && r.countsWithout(id, about) {
			names = append(names, name)
		}
	}
	return names
}

// countsWithout reports whether somebody has a key that counts and that a
// revocation leaves alone.
func (r *roll) countsWithout(id trust.Identity, about subject) bool {
	return slices.ContainsFunc(r.keys, func(k known) bool { return k.id == id && !about.takes(k) && r.whyNot(k) == "" })
}
