package governance

import (
	"cmp"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// State is the fold of a ledger's governance records. It is built by Apply
// alone. It is not safe for concurrent use.
type State struct {
	ledger      trust.Digest // the pinned genesis
	trustDomain string
	zone        string

	governors  map[trust.KeyID]trust.PublicKey
	thresholds *pb.GovernorThresholds
	release    *Release
	halts      map[trust.Digest]Halt
	revoked    map[trust.KeyID]bool
	banned     map[string]bool // SPIFFE IDs

	head    Head
	chain   []trust.Digest        // digest of head n at n-1
	applied map[trust.Digest]bool // payloads that were accepted: none is twice
	resumed uint64                // sequence of the newest Resume; 0 if none

	names  map[trust.KeyID]string // of all governors that there ever were
	losses []*pb.Loss             // that governors have signed for, in order
	sealed bool
}

// Halt is a halt or a trip that is in force.
type Halt struct {
	ID       trust.Digest // SHA-256 of its payload; a Resume names it
	Scope    *pb.Scope
	Reason   string
	Rule     string // the drift rule, for a trip; else ""
	Subject  string // what drifted, for a trip; else ""
	Sequence uint64
	Time     time.Time // log time
}

// New is the state before genesis, pinned to the ledger whose genesis payload
// has the given digest.
func New(ledger trust.Digest) *State {
	return &State{
		ledger:  ledger,
		names:   map[trust.KeyID]string{},
		halts:   map[trust.Digest]Halt{},
		revoked: map[trust.KeyID]bool{},
		banned:  map[string]bool{},
		applied: map[trust.Digest]bool{},
	}
}

// Ledger is the digest of the pinned genesis.
func (s *State) Ledger() trust.Digest { return s.ledger }

// TrustDomain and Zone are genesis's; "" before it.
func (s *State) TrustDomain() string { return s.trustDomain }

// Zone is the zone that genesis names.
func (s *State) Zone() string { return s.zone }

// Head is the governance head.
func (s *State) Head() Head { return s.head }

// Epoch grows by one at every record that takes effect; 0 before genesis.
func (s *State) Epoch() uint64 { return s.head.Number }

// Release is the release in force, nil before the first.
func (s *State) Release() *Release { return s.release }

// Halted returns the oldest halt in force that covers the target; before the
// first release, and once the ledger is sealed, everything is halted.
func (s *State) Halted(t Target) (Halt, bool) {
	switch {
	case s.release == nil:
		return Halt{Reason: "no release is in force"}, true
	case s.sealed:
		return Halt{Reason: "the ledger is sealed"}, true
	}
	for _, h := range s.Halts() {
		if covers(h.Scope, t) {
			return h, true
		}
	}
	return Halt{}, false
}

// Halts returns the halts in force, oldest first.
func (s *State) Halts() []Halt {
	if len(s.halts) == 0 {
		return nil
	}
	all := make([]Halt, 0, len(s.halts))
	for _, h := range s.halts {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b Halt) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return all
}

// Revoked reports whether the key or the identity was revoked.
func (s *State) Revoked(key trust.KeyID, spiffeID string) bool {
	return s.revoked[key] || s.banned[spiffeID]
}

// RevokedCredential reports whether the credential's key or identity was revoked.
func (s *State) RevokedCredential(c trust.Credential) bool {
	return s.revoked[c.Key.ID()] || s.RevokedIdentity(c.ID)
}

// RevokedIdentity reports whether the identity was revoked.
func (s *State) RevokedIdentity(id trust.Identity) bool {
	return len(s.banned) > 0 && s.RevokedID(id.String())
}

// RevokedID is RevokedIdentity for a SPIFFE ID.
func (s *State) RevokedID(spiffeID string) bool { return s.banned[spiffeID] }

// Governors returns the keys that may sign governance records now.
func (s *State) Governors() map[trust.KeyID]trust.PublicKey { return s.governors }

// Resumed is the position of the newest Resume, 0 before the first: whatever
// stands before it, the governors knew of when they resumed.
func (s *State) Resumed() uint64 { return s.resumed }

// Applied reports whether the record with this id took effect.
func (s *State) Applied(id trust.Digest) bool { return s.applied[id] }

// Losses are what governors have said that the ledger lost, in order. Each began
// a new tree over it (see core/lineage).
func (s *State) Losses() []*pb.Loss { return s.losses }

// Sealed reports whether the ledger is sealed: nothing is allowed and nothing
// governs any more.
func (s *State) Sealed() bool { return s.sealed }

// LogKeys are whose checkpoints of this ledger count now, by the release in force
// and without whoever is revoked. Before the first release nobody's do.
func (s *State) LogKeys() (*lineage.Keys, error) {
	origin := lineage.Origin(s.trustDomain, s.zone, s.ledger, len(s.losses))
	if s.release == nil {
		return lineage.NewKeys(origin, nil, 0)
	}
	var standing []*pb.Identity
	for _, p := range s.release.Proto.GetDirectory() {
		id := trust.Identity{TrustDomain: s.trustDomain, Zone: s.zone, Role: p.GetRole(), Name: p.GetName()}
		if !s.banned[id.String()] {
			standing = append(standing, p)
		}
	}
	return lineage.NewKeys(origin, standing, s.release.Proto.GetWitnessThreshold())
}
