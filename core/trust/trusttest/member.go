package trusttest

import (
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Member is a participant who can sign.
type Member struct {
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte // the Credential envelope that introduces Key
}

// NewMember makes a participant of the default root, without a build digest.
func NewMember(role pb.Role, name string) Member { return NewCA().Member(role, name) }

// Member makes a participant whose SVID this CA issued, without a build digest.
func (ca *CA) Member(role pb.Role, name string) Member {
	id := ID(role, name)
	return Enroll(ca.SVID(id), id, Key(id.String()), trust.Digest{})
}

// Enroll binds key to the SVID.
func Enroll(svid trust.SVID, id trust.Identity, key *trust.SigningKey, build trust.Digest) Member {
	return Member{ID: id, Key: key, Credential: must(trust.Bind(svid, key, build))}
}

// Rotated is the same participant with a further key, introduced by an SVID of
// its own.
func (ca *CA) Rotated(m Member, label string) Member {
	return Enroll(ca.SVID(m.ID), m.ID, Key(m.ID.String()+" "+label), trust.Digest{})
}

// SPIFFE is the member's SPIFFE ID.
func (m Member) SPIFFE() string { return m.ID.String() }

// List seals serialized items for a ledger.
func (m Member) List(kind schemas.Kind, ledger trust.Digest, items ...[]byte) []byte {
	return must(trust.SealList(kind, ledger, items, m.Key))
}

// Seal seals one serialized record that is not a list.
func (m Member) Seal(kind schemas.Kind, payload []byte) []byte {
	return must(trust.Seal(kind.PayloadType(), payload, m.Key))
}
