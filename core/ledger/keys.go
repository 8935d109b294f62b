package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Keys lets Parse check signatures ahead of the fold. It maps key ids to the
// keys that they are the digest of, so an entry is true regardless of whose key
// it is and where on the ledger it was introduced. It also remembers envelopes
// that this very process signed, so that none of its parts needs to check them: parts
// of one process may share one. It holds successes only, and is safe for
// concurrent use. A nil or zero Keys knows nothing, and every signature waits
// for the fold.
type Keys struct {
	known sync.Map // trust.KeyID → trust.PublicKey
	early atomic.Int64

	vouching atomic.Bool // something was vouched for
	mu       sync.Mutex
	vouched  map[trust.Digest]bool // guarded by mu; made when first needed
	order    []trust.Digest        // guarded by mu; oldest first
}

const maxVouched = 4096

// NewKeys returns an empty set.
func NewKeys() *Keys { return new(Keys) }

func (k *Keys) add(key trust.PublicKey) {
	if k != nil {
		k.known.Store(key.ID(), key)
	}
}

// maxEarly bounds the keys that are taken from credentials which nobody has
// judged yet: whoever may write can write many.
const maxEarly = 1 << 12

// anticipate takes the key that a credential speaks of before the fold has judged
// the credential. That lends it nothing: an id names one key whatever is said of
// it, and whose it is the fold decides. What follows the credential can then be
// verified ahead of the fold too.
func (k *Keys) anticipate(env *trust.Envelope) {
	if k == nil || k.early.Load() >= maxEarly {
		return
	}
	var c pb.Credential
	if schemas.DecodeUnchecked(env.Payload, schemas.MaxItem, &c) != nil {
		return
	}
	key, err := trust.NewPublicKey(c.GetPublicKey())
	if err != nil {
		return
	}
	if _, there := k.known.LoadOrStore(key.ID(), key); !there {
		k.early.Add(1)
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
	k.vouching.Store(true)
	k.order = append(k.order, d)
	if len(k.order) > maxVouched {
		delete(k.vouched, k.order[0])
		k.order = k.order[1:]
	}
}

func (k *Keys) isVouched(data []byte) bool {
	if !k.vouching.Load() {
		return false
	}
	d := trust.DigestOf(data)
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.vouched[d]
}
