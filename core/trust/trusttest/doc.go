// Package trusttest makes the people, papers and signatures that tests need:
// issuers, SVIDs, participants with credentials, genesis, releases and sealed
// governance records. It is for tests only.
//
// Everything is derived from names, so two runs make the same bytes. The keys
// are therefore known to everybody. A helper that cannot do its work panics:
// the mistake is in the test that called it.
package trusttest

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TrustDomain and ZoneName are those of every identity that ID makes.
const (
	TrustDomain = "example.test"
	ZoneName    = "z1"
)

// Start is the time at which tests begin. SVIDs are valid from an hour before it
// until SVIDLife after it, releases until ReleaseLife after it.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// How long after Start what this package makes is valid.
const (
	SVIDLife    = 90 * 24 * time.Hour
	ReleaseLife = 30 * 24 * time.Hour
	issuerLife  = 10 * 365 * 24 * time.Hour
	early       = time.Hour
)

// Key is the signing key of a name: the same name, the same key.
func Key(name string) *trust.SigningKey {
	return trust.SigningKeyFromSeedInsecure(trust.DigestOf([]byte("trusttest signing key of " + name)))
}

// ID is an identity of the test zone.
func ID(role pb.Role, name string) trust.Identity {
	return trust.Identity{TrustDomain: TrustDomain, Zone: ZoneName, Role: role, Name: name}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic("trusttest: " + err.Error())
	}
	return value
}
