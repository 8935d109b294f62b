package pdp

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Introduced notes a credential that the ledger holds.
func (c *Core) Introduced(cred trust.Credential) {
	if known := c.keys[cred.ID]; !slices.Contains(known, cred.Key.ID()) {
		c.keys[cred.ID] = append(known, cred.Key.ID())
	}
}

// signer is the credential with which an agent would ask: its newest that counts now,
// or its newest, so that the answer says why it does not. Who has introduced none is
// judged by the directory alone: a subject need not have come to the ledger before
// somebody else asks about it. One that is bound to builds must have.
func (c *Core) signer(id trust.Identity) (newest trust.Credential) {
	for _, key := range slices.Backward(c.keys[id]) {
		cred, held := c.fold.Credential(key)
		if !held {
			continue // expired, and another one came
		}
		if _, stands := c.fold.Standing(cred); stands {
			return cred
		}
		if newest.ID == (trust.Identity{}) {
			newest = cred
		}
	}
	if newest.ID == (trust.Identity{}) {
		now := c.fold.LogTime()
		return trust.Credential{ID: id, NotBefore: now, Expires: now.Add(time.Second)}
	}
	return newest
}
