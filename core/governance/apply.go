package governance

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Record is a governance record as it stands on the ledger.
type Record struct {
	Sequence uint64
	Time     time.Time // log time
	Envelope *trust.Envelope
	// Sentinel is the enrolled, unrevoked sentinel whose signature on the
	// envelope verifies; the zero Identity if there is none. Only trips need it.
	Sentinel trust.Identity
}

// Effect is what a record that took effect did.
type Effect struct {
	ID     trust.Digest // SHA-256 of the payload
	Record *pb.Governance
	Epoch  uint64 // the epoch that it opened
	Drill  bool   // a drill: it was accepted, changed nothing and opened no epoch

	signed    Record
	governors map[trust.KeyID]trust.PublicKey // in force before it
	names     map[trust.KeyID]string
}

// Signers are those who made the record take effect: names of governors,
// ascending, or a sentinel's SPIFFE ID. It verifies the signatures again: few who
// follow a ledger want to know.
func (e Effect) Signers() []string {
	if e.signed.Envelope == nil {
		return nil
	}
	var names []string
	for id := range e.signed.Envelope.Signers(e.governors) {
		names = append(names, e.names[id])
	}
	if e.signed.Sentinel != (trust.Identity{}) {
		names = append(names, e.signed.Sentinel.String())
	}
	slices.Sort(names)
	return names
}

// Apply folds one record. A record that may not take effect is noise: the error
// is a *schemas.Refusal and the state is as before.
func (s *State) Apply(r Record) (Effect, error) {
	record := new(pb.Governance)
	if r.Envelope.PayloadType != schemas.KindGovernance.PayloadType() {
		return Effect{}, schemas.Refuse(pb.Reason_REASON_NOISE_PAYLOAD_TYPE, "payload type %.60q on the governance subject", r.Envelope.PayloadType)
	}
	if err := schemas.Decode(r.Envelope.Payload, schemas.MaxPayload, record); err != nil {
		return Effect{}, schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "%v", err)
	}
	id := trust.DigestOf(r.Envelope.Payload)
	if s.applied[id] {
		return Effect{}, schemas.Refuse(pb.Reason_REASON_NOISE_REPLAY, "record %s took effect earlier", id.Short())
	}
	before := s.governors
	if err := s.dispatch(r, id, record); err != nil {
		return Effect{}, err
	}
	if before == nil {
		before = s.governors // genesis names its own
	}
	s.applied[id] = true
	effect := Effect{ID: id, Record: record, signed: r, governors: before, names: s.names}
	if effect.Drill = record.GetHalt().GetScope().GetKind() == pb.ScopeKind_SCOPE_KIND_DRILL; !effect.Drill {
		s.head = s.head.next(r.Sequence, id)
		s.chain = append(s.chain, s.head.Digest)
	}
	effect.Epoch = s.head.Number
	return effect, nil
}

func (s *State) dispatch(r Record, id trust.Digest, record *pb.Governance) error {
	if genesis := record.GetGenesis(); genesis != nil {
		return s.genesis(r, id, record)
	}
	if s.head.Number == 0 {
		return schemas.Refuse(pb.Reason_REASON_NOISE_GENESIS, "the ledger's first governance record must be genesis %s", s.ledger.Short())
	}
	if named, ok := trust.DigestFrom(record.GetLedger()); !ok || named != s.ledger {
		return schemas.Refuse(pb.Reason_REASON_NOISE_LEDGER, "it is for ledger %s, this is %s", named.Short(), s.ledger.Short())
	}
	if s.sealed {
		return schemas.Refuse(pb.Reason_REASON_NOISE_CHAIN, "the ledger is sealed")
	}
	switch x := record.GetRecord().(type) {
	case *pb.Governance_Release:
		return s.applyRelease(r, id, x.Release)
	case *pb.Governance_Halt:
		return s.applyHalt(r, Halt{ID: id, Scope: x.Halt.GetScope(), Reason: x.Halt.GetReason(), Sequence: r.Sequence, Time: r.Time})
	case *pb.Governance_Trip:
		return s.applyTrip(r, Halt{
			ID: id, Scope: x.Trip.GetScope(), Reason: x.Trip.GetDetail(), Rule: x.Trip.GetRule(), Subject: x.Trip.GetSubject(), Sequence: r.Sequence, Time: r.Time,
		})
	case *pb.Governance_Resume:
		return s.applyResume(r, x.Resume)
	case *pb.Governance_Revoke:
		return s.applyRevoke(r, x.Revoke)
	case *pb.Governance_Loss:
		return s.applyLoss(r, x.Loss)
	case *pb.Governance_Seal:
		return s.applySeal(r)
	default:
		return schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "governance record of unknown kind %T", x)
	}
}

func (s *State) genesis(r Record, id trust.Digest, record *pb.Governance) error {
	genesis := record.GetGenesis()
	if s.head.Number != 0 || id != s.ledger || len(record.GetLedger()) != 0 {
		return schemas.Refuse(pb.Reason_REASON_NOISE_GENESIS, "genesis %s is not the pinned %s, or it is not the first", id.Short(), s.ledger.Short())
	}
	if err := trust.CheckTrustDomain(genesis.GetTrustDomain()); err != nil {
		return schemas.Refuse(pb.Reason_REASON_NOISE_GENESIS, "%v", err)
	}
	governors, err := governorKeys(genesis.GetGovernors(), genesis.GetThresholds())
	if err != nil {
		return schemas.Refuse(pb.Reason_REASON_NOISE_GENESIS, "%v", err)
	}
	if err := threshold(r.Envelope, governors, genesis.GetThresholds().GetRelease()); err != nil {
		return err
	}
	s.trustDomain, s.zone = genesis.GetTrustDomain(), genesis.GetZone()
	s.meet(genesis.GetGovernors())
	s.governors, s.thresholds = governors, genesis.GetThresholds()
	return nil
}

// applyRelease demands the old governors' threshold and the new one, version
// and digest that continue the chain, and a validity that holds now.
func (s *State) applyRelease(r Record, id trust.Digest, p *pb.Release) error {
	version, replaces := s.releasePoint()
	if named, _ := trust.DigestFrom(p.GetReplaces()); p.GetVersion() != version+1 || named != replaces {
		return schemas.Refuse(pb.Reason_REASON_NOISE_CHAIN, "release %d replacing %s does not follow version %d (%s)", p.GetVersion(), named.Short(), version, replaces.Short())
	}
	if r.Time.Before(p.GetNotBefore().AsTime()) || !r.Time.Before(p.GetExpires().AsTime()) {
		return schemas.Refuse(pb.Reason_REASON_NOISE_CHAIN, "release %d is valid from %v to %v, not at log time %v", p.GetVersion(), p.GetNotBefore().AsTime(), p.GetExpires().AsTime(), r.Time.UTC())
	}
	release, err := NewRelease(id, p)
	if err != nil {
		return schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "release %d: %v", p.GetVersion(), err)
	}
	if err := threshold(r.Envelope, s.governors, s.thresholds.GetRelease()); err != nil {
		return err
	}
	if err := threshold(r.Envelope, s.withoutRevoked(release.governors), p.GetThresholds().GetRelease()); err != nil {
		return err
	}
	s.release = release
	s.meet(p.GetGovernors())
	s.governors, s.thresholds = s.withoutRevoked(release.governors), p.GetThresholds()
	return nil
}

// meet learns governors' names. Old ones stay known: they sign for their
// successors.
func (s *State) meet(governors []*pb.Governor) {
	for _, g := range governors {
		s.names[trust.DigestOf(g.GetPublicKey())] = g.GetName()
	}
}

// releasePoint is what the next release must continue.
func (s *State) releasePoint() (version uint64, digest trust.Digest) {
	if s.release == nil {
		return 0, s.ledger
	}
	return s.release.Proto.GetVersion(), s.release.Digest
}

func (s *State) applyHalt(r Record, h Halt) error {
	if err := threshold(r.Envelope, s.governors, 1); err != nil {
		return err
	}
	if h.Scope.GetKind() != pb.ScopeKind_SCOPE_KIND_DRILL {
		s.halts[h.ID] = h
	}
	return nil
}

func (s *State) applyTrip(r Record, h Halt) error {
	if r.Sentinel.Role != pb.Role_ROLE_SENTINEL {
		return schemas.Refuse(pb.Reason_REASON_NOISE_ROLE, "a trip needs an enrolled sentinel's signature")
	}
	if h.Scope.GetKind() == pb.ScopeKind_SCOPE_KIND_DRILL {
		return schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "a trip is never a drill")
	}
	s.halts[h.ID] = h
	return nil
}

// applyResume lifts all the halts that it names, or none.
func (s *State) applyResume(r Record, p *pb.Resume) error {
	if err := threshold(r.Envelope, s.governors, s.thresholds.GetResume()); err != nil {
		return err
	}
	ids := make([]trust.Digest, 0, len(p.GetHalts()))
	for _, raw := range p.GetHalts() {
		id, _ := trust.DigestFrom(raw)
		if _, inForce := s.halts[id]; !inForce {
			return schemas.Refuse(pb.Reason_REASON_NOISE_CHAIN, "resume names halt %s, which is not in force", id.Short())
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		delete(s.halts, id)
	}
	s.resumed = r.Sequence
	return nil
}

// applyRevoke needs one governor, but the release threshold where the key is a
// governor's: else one governor could lock all others out.
func (s *State) applyRevoke(r Record, p *pb.Revoke) error {
	key, _ := trust.DigestFrom(p.GetKeyId())
	need := uint32(1)
	if _, isGovernor := s.governors[key]; isGovernor {
		need = s.thresholds.GetRelease()
	}
	if err := threshold(r.Envelope, s.governors, need); err != nil {
		return err
	}
	if id := p.GetSpiffeId(); id != "" {
		if _, err := trust.ParseIdentity(id); err != nil {
			return schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "a revocation of nobody: %v", err)
		}
		s.banned[id] = true
		return nil
	}
	s.revoked[key] = true
	s.governors = s.withoutRevoked(s.governors)
	return nil
}

// applyLoss takes a loss that can be one: what was kept is shorter than what was
// lost, and not longer than the ledger is here.
func (s *State) applyLoss(r Record, p *pb.Loss) error {
	if p.GetKept() >= p.GetLost().GetSize() || p.GetKept() >= r.Sequence {
		return schemas.Refuse(pb.Reason_REASON_NOISE_CHAIN, "a loss that kept %d of %d records, at position %d", p.GetKept(), p.GetLost().GetSize(), r.Sequence)
	}
	if err := threshold(r.Envelope, s.governors, s.thresholds.GetResume()); err != nil {
		return err
	}
	s.losses = append(s.losses, p)
	return nil
}

func (s *State) applySeal(r Record) error {
	if err := threshold(r.Envelope, s.governors, s.thresholds.GetRelease()); err != nil {
		return err
	}
	s.sealed = true
	return nil
}

func (s *State) withoutRevoked(keys map[trust.KeyID]trust.PublicKey) map[trust.KeyID]trust.PublicKey {
	left := make(map[trust.KeyID]trust.PublicKey, len(keys))
	for id, key := range keys {
		if !s.revoked[id] {
			left[id] = key
		}
	}
	return left
}

// threshold demands signatures of at least need distinct keys among the
// governors; zero is never enough.
func threshold(env *trust.Envelope, governors map[trust.KeyID]trust.PublicKey, need uint32) error {
	got := len(env.Signers(governors))
	if need < 1 || got < int(need) {
		return schemas.Refuse(pb.Reason_REASON_NOISE_THRESHOLD, "%d of the %d governors signed, %d must", got, len(governors), max(need, 1))
	}
	return nil
}
