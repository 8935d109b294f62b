package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// Touched is everything that one key, or one identity with all its keys, signed.
type Touched struct {
	Identity   string       `json:"identity,omitempty"` // SPIFFE ID; absent for a key that nobody introduced
	Key        string       `json:"key_id,omitempty"`   // absent where an identity was asked for
	Keys       []Introduced `json:"keys"`               // credentials by which keys were introduced
	Governance []Governed   `json:"governance"`
	Pulses     uint64       `json:"pulses"`
	Intents    int          `json:"intents"` // about which something was signed; Search lists them
}

// Introduced is a credential that was introduced.
type Introduced struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	Identity string    `json:"identity"`
	Key      string    `json:"key_id"`
	Expires  time.Time `json:"expires"`
	Revoked  uint64    `json:"revoked,omitempty"` // position from which on the key or its identity counts no more
}

// TouchedByKey tells what one key signed.
func (h *History) TouchedByKey(key trust.KeyID) Touched {
	t := h.touchedBy(Filter{Key: key}, func(s signer) bool { return s.key == key })
	t.Key = key.String()
	if g, known := h.governors[key]; known {
		t.Identity = g.spiffeID
	}
	for _, s := range h.signers.values {
		if s.key == key {
			t.Identity = s.identity
		}
	}
	h.addGovernance(&t, func(g governed) bool { return slices.Contains(g.keys, key) })
	return t
}

// TouchedByIdentity tells what one identity, by its SPIFFE ID, signed.
func (h *History) TouchedByIdentity(spiffeID string) Touched {
	t := h.touchedBy(Filter{Identity: spiffeID}, func(s signer) bool { return s.identity == spiffeID })
	t.Identity = spiffeID
	h.addGovernance(&t, func(g governed) bool { return slices.Contains(g.By, spiffeID) })
	return t
}

func (h *History) touchedBy(f Filter, is func(signer) bool) Touched {
	t := Touched{Keys: []Introduced{}, Governance: []Governed{}}
	for _, c := range h.bound {
		if s := h.signers.at(c.signer); is(s) {
			t.Keys = append(t.Keys, Introduced{c.at, moment(c.time), s.identity, s.key.String(), moment(c.expires), h.revokedAt(s)})
		}
	}
	for by, n := range h.pulses {
		if is(h.signers.at(by)) {
			t.Pulses += n
		}
	}
	h.each(f, false, func(*node) { t.Intents++ })
	return t
}

func (h *History) addGovernance(t *Touched, signed func(governed) bool) {
	for _, g := range h.governed {
		if signed(g) {
			t.Governance = append(t.Governance, g.Governed)
		}
	}
}

// revokedAt is the position of the first revocation of a key or of whose it is; 0
// if there is none.
func (h *History) revokedAt(s signer) uint64 {
	for _, g := range h.governed {
		if g.Revoked != "" && (g.Revoked == s.identity || g.Revoked == s.key.String()) {
			return g.Position
		}
	}
	return 0
}

// FindKey returns the key that the first 4 to 64 hexadecimal digits of its id
// mean, among those that were introduced or that governors hold or held. Errors
// wrap ErrQuestion, ErrNotFound or ErrAmbiguous.
func (h *History) FindKey(text string) (trust.KeyID, error) {
	if !prefixShape.MatchString(text) {
		return trust.KeyID{}, fmt.Errorf("%w: %.80q; give a SPIFFE ID, or at least 4 digits of a key id", ErrQuestion, text)
	}
	prefix, found := strings.ToLower(text), []trust.KeyID{}
	for _, s := range h.signers.values {
		if strings.HasPrefix(s.key.String(), prefix) {
			found = append(found, s.key)
		}
	}
	for key := range h.governors {
		if strings.HasPrefix(key.String(), prefix) {
			found = append(found, key)
		}
	}
	slices.SortFunc(found, func(a, b trust.KeyID) int { return slices.Compare(a[:], b[:]) })
	found = slices.Compact(found)
	switch len(found) {
	case 0:
		return trust.KeyID{}, fmt.Errorf("%w: no key %s was introduced; see who signed with: portcullis tail --kind credential --from 1", ErrNotFound, prefix)
	case 1:
		return found[0], nil
	default:
		var names []string
		for _, key := range found[:min(len(found), maxNamed)] {
			names = append(names, key.String()[:16])
		}
		return trust.KeyID{}, fmt.Errorf("%w: %s could be %s; give more digits", ErrAmbiguous, prefix, strings.Join(names, ", "))
	}
}
