package ledger

import (
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Keys lets Parse check signatures ahead of the fold. It maps key ids to the
// keys that they are the digest of, so an entry is true regardless of whose key
// it is and where on the ledger it was introduced. It also remembers envelopes
// that this very process signed. It holds successes only, and is safe for
// concurrent use. A nil or zero Keys knows nothing, and every signature waits
// for the fold.
type Keys struct {
	known sync.Map // trust.KeyID → trust.PublicKey

	mu      sync.Mutex
	vouched map[trust.Digest]bool // made when first needed
	order   []trust.Digest        // oldest first
}

const maxVouched = 4096

// NewKeys returns an empty set.
func NewKeys() *Keys { return new(Keys) }

func (k *Keys) add(key trust.PublicKey) {
	if k != nil {
		k.known.Store(key.ID(), key)
	}
}

func (k *Keys) lookup(id trust.KeyID) (trust.PublicKey, bool) {
	if k == nil {
		return trust.PublicKey{}, false
	}
	v, ok := k.known.Load(id)
	if !ok {
		return trust.PublicKey{}, false
	}
	key, ok := v.(trust.PublicKey)
	return key, ok
}

// Vouch says that this process has just sealed these envelope bytes itself, so
// that reading them back needs no second look at its own signature.
func (k *Keys) Vouch(data []byte) {
	if k == nil {
		return
	}
	d := trust.DigestOf(data)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.vouched[d] {
		return
	}
	if k.vouched == nil {
		k.vouched = make(map[trust.Digest]bool)
	}
	k.vouched[d] = true
	k.order = append(k.order, d)
	if len(k.order) > maxVouched {
		delete(k.vouched, k.order[0])
		k.order = k.order[1:]
	}
}

func (k *Keys) isVouched(data []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.vouched) > 0 && k.vouched[trust.DigestOf(data)]
}
