package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// pendingFor is how long people may take at their issuer.
const pendingFor = 10 * time.Minute

// pending is a login under way. The browser that began it keeps it, sealed; the console
// keeps nothing, so that no number of logins that are begun can push out another.
type pending struct {
	State    string    `json:"state"`    // comes back from the issuer with the code (RFC 6749, 10.12)
	Nonce    string    `json:"nonce"`    // comes back in the ID token (OpenID Connect Core, 3.1.2.1)
	Verifier string    `json:"verifier"` // PKCE: whoever redeems the code has it (RFC 7636)
	Begun    time.Time `json:"begun"`
}

func newPending() pending {
	return pending{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier(), Begun: time.Now().UTC().Round(0)}
}

// maxSpent bounds the logins of pendingFor that came back with their state.
const maxSpent = 4096

// pendings seals logins under way and lets each come back once. Safe for concurrent use.
type pendings struct {
	seals cipher.AEAD

	mu    sync.Mutex
	spent map[[sha256.Size]byte]time.Time // until they are too old anyway
}

// newPendings has a key of its own: what another console sealed, or this one before it
// was started again, is not opened.
func newPendings() (*pendings, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	seals, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("access: %w", err)
	}
	return &pendings{seals: seals, spent: map[[sha256.Size]byte]time.Time{}}, nil
}

// sealedFor binds what is sealed to its use.
var sealedFor = []byte(loginCookie)

func (p *pendings) seal(one pending) (string, error) {
	text, err := json.Marshal(one)
	if err != nil {
		return "", err
	}
	sealed := p.seals.Seal(nil, nil, text, sealedFor) //nolint:gosec // this kind of GCM makes its own nonces, and takes none
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

var (
	errNotPending = errors.New("access: this browser began no such login, or too long ago")
	errManyLogins = errors.New("access: too many logins came back at once")
)

// open unseals a login whose state came back, once.
func (p *pendings) open(sealed, state string) (pending, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return pending{}, errNotPending
	}
	text, err := p.seals.Open(nil, nil, raw, sealedFor)
	if err != nil {
		return pending{}, errNotPending
	}
	var one pending
	if err := json.Unmarshal(text, &one); err != nil {
		return pending{}, errNotPending
	}
	if age := time.Since(one.Begun); age < 0 || age > pendingFor || !same(one.State, state) {
		return pending{}, errNotPending
	}
	return one, p.spend(one)
}

func (p *pendings) spend(one pending) error {
	key, now := sha256.Sum256([]byte(one.State)), time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for old, until := range p.spent {
		if now.After(until) {
			delete(p.spent, old)
		}
	}
	if _, again := p.spent[key]; again {
		return errNotPending
	}
	if len(p.spent) >= maxSpent {
		return errManyLogins
	}
	p.spent[key] = one.Begun.Add(pendingFor)
	return nil
}
