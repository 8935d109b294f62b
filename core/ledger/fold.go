package ledger

import (
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Fold is what every follower knows after a prefix of the ledger. It is built
// by Step alone and belongs to one goroutine.
type Fold struct {
	gov         *governance.State
	credentials map[trust.KeyID]trust.Credential
	byIdentity  map[trust.Identity][]trust.KeyID
	introduced  map[trust.Digest]bool // payloads of credentials: none counts twice
	keys        *Keys
	seq         uint64
	logTime     time.Time
	pulse       Pulse
	pulsed      map[trust.Identity]time.Time // the newest clock of each sentinel
	trail       trail
	broken      error          // what a sentinel found differs from what stands in trail
	brokenBy    trust.Identity // that sentinel
}

// Pulse is the newest authentic pulse. The zero value is none.
type Pulse struct {
	Seq   uint64
	Time  time.Time // log time at its position
	Seen  uint64    // the furthest governance head that it or a pulse before it named truly
	Fault error     // the governance head that it names is not on this chain, or its sentinel was shown another ledger
}

// maxKeysPerIdentity bounds how many live keys one identity can introduce.
const maxKeysPerIdentity = 8

// NewFold starts before the first record of the ledger with this genesis.
func NewFold(ledger trust.Digest, keys *Keys) *Fold {
	return &Fold{
		gov:         governance.New(ledger),
		credentials: map[trust.KeyID]trust.Credential{},
		byIdentity:  map[trust.Identity][]trust.KeyID{},
		introduced:  map[trust.Digest]bool{},
		pulsed:      map[trust.Identity]time.Time{},
		keys:        keys,
	}
}

// Governance is the governance state at the last position stepped over.
func (f *Fold) Governance() *governance.State { return f.gov }

// Seq is the last stream sequence stepped over.
func (f *Fold) Seq() uint64 { return f.seq }

// LogTime is the running maximum of the stream's timestamps.
func (f *Fold) LogTime() time.Time { return f.logTime }

// Pulse is the newest authentic pulse.
func (f *Fold) Pulse() Pulse { return f.pulse }

// Credential returns the credential that was introduced for a key.
func (f *Fold) Credential(id trust.KeyID) (trust.Credential, bool) {
	c, ok := f.credentials[id]
	return c, ok
}

// RaiseLogTime lets a follower that started in the middle of a ledger learn log
// time from a quorum of decisions, which state it. It never goes back.
func (f *Fold) RaiseLogTime(t time.Time) {
	if t.After(f.logTime) {
		f.logTime = t
	}
}

// Record is one authentic record.
type Record struct {
	Seq     uint64
	LogTime time.Time
	Kind    schemas.Kind
	Token   string // last token of the subject: a name or a tool
	Skipped bool   // a kind that the parser skips; nothing below is set

	// Unauthenticated marks a kind that the parser leaves so: Items are whatever
	// somebody wrote, good only for finding the bytes of a known digest.
	Unauthenticated bool

	Signer trust.Credential // zero for governance records

	Items []Item // intents, decisions, claims, outcomes
	// ListErr is set for intents whose list is malformed or for another ledger:
	// the sender is authentic, so it gets a DENY. PayloadDigest names the bytes.
	ListErr       error
	PayloadDigest trust.Digest

	Effect   governance.Effect // governance
	Pulse    *pb.Pulse         // pulse
	Approval *pb.Approval      // approval
}

// Step folds the next message. Messages must come in order of their sequence. A
// message that is noise yields a *schemas.Refusal.
func (f *Fold) Step(p *Parsed) (Record, error) {
	f.seq = p.Seq
	f.RaiseLogTime(p.Time)
	f.trail.add(p.Seq, p.leaf)
	rec := Record{Seq: p.Seq, LogTime: f.logTime, Kind: p.kind, Token: p.token, Skipped: p.skipped}
	switch {
	case p.refusal != nil:
		return Record{}, p.refusal
	case p.skipped:
		return rec, nil
	case p.bare && p.listErr == nil:
		rec.Unauthenticated, rec.Items = true, p.items
		return rec, nil
	case p.kind == schemas.KindGovernance:
		return f.stepGovernance(p, rec)
	case p.kind == schemas.KindCredential:
		return f.stepCredential(p, rec)
	default:
		return f.stepSigned(p, rec)
	}
}

func (f *Fold) stepGovernance(p *Parsed, rec Record) (Record, error) {
	effect, err := f.gov.Apply(governance.Record{Sequence: p.Seq, Time: f.logTime, Envelope: p.env, Sentinel: f.sentinelOf(p.env)})
	if err != nil {
		return Record{}, err
	}
	if f.broken != nil && f.gov.RevokedID(f.brokenBy.String()) {
		f.broken = nil // the governors say who lied
	}
	rec.Effect = effect
	return rec, nil
}

// sentinelOf finds the enrolled sentinel that signed, for trips.
func (f *Fold) sentinelOf(env *trust.Envelope) trust.Identity {
	for i, s := range env.Signatures {
		cred, ok := f.credentials[s.KeyID]
		if ok && cred.ID.Role == pb.Role_ROLE_SENTINEL && f.standing(cred) == nil && env.VerifiedBy(i, cred.Key) {
			return cred.ID
		}
	}
	return trust.Identity{}
}

func (f *Fold) stepCredential(p *Parsed, rec Record) (Record, error) {
	release := f.gov.Release()
	if release == nil {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_CREDENTIAL, "no release names issuers yet")
	}
	digest := trust.DigestOf(p.env.Payload)
	if f.introduced[digest] {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_REPLAY, "this credential was introduced earlier")
	}
	cred, err := trust.VerifyCredential(p.env, release.Issuers, f.logTime)
	if err != nil {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_CREDENTIAL, "%v", err)
	}
	id := cred.ID
	if id.Name != p.token || id.Zone != f.gov.Zone() || id.TrustDomain != f.gov.TrustDomain() {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_NAME, "a credential of %s on the subject of %q", id, p.token)
	}
	if !schemas.KindCredential.MayWrite(id.Role) {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_ROLE, "%s introduces no credential", id)
	}
	if err := f.introduce(cred, digest); err != nil {
		return Record{}, err
	}
	rec.Signer = cred
	return rec, nil
}

func (f *Fold) introduce(cred trust.Credential, digest trust.Digest) error {
	keyID := cred.Key.ID()
	if held, taken := f.credentials[keyID]; taken && held.ID != cred.ID {
		return schemas.Refuse(pb.Reason_REASON_NOISE_CREDENTIAL, "the key of %s is bound to %s already", cred.ID, held.ID)
	}
	var live, expired []trust.KeyID // this identity's other keys
	for _, k := range f.byIdentity[cred.ID] {
		switch {
		case k == keyID:
		case f.logTime.Before(f.credentials[k].Expires):
			live = append(live, k)
		default:
			expired = append(expired, k)
		}
	}
	if len(live) >= maxKeysPerIdentity {
		return schemas.Refuse(pb.Reason_REASON_NOISE_CREDENTIAL, "%s has %d live keys already; let one expire", cred.ID, len(live))
	}
	for _, k := range expired {
		delete(f.credentials, k)
	}
	f.byIdentity[cred.ID] = append(live, keyID)
	f.credentials[keyID] = cred
	f.introduced[digest] = true
	f.keys.add(cred.Key)
	return nil
}

func (f *Fold) stepSigned(p *Parsed, rec Record) (Record, error) {
	cred, known := f.credentials[p.env.Signatures[0].KeyID]
	if !known {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_SIGNER, "key %s is bound by no credential before this position", p.env.Signatures[0].KeyID.Short())
	}
	if !p.verified && !p.env.VerifiedBy(0, cred.Key) {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_SIGNATURE, "the signature in the name of %s does not verify", cred.ID)
	}
	if !p.kind.MayWrite(cred.ID.Role) {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_ROLE, "%s may not write a %s", cred.ID, p.kind)
	}
	rec.Signer = cred
	switch p.kind {
	case schemas.KindIntent:
		return f.stepIntents(p, rec)
	case schemas.KindPulse:
		return f.stepPulse(p, rec)
	case schemas.KindApproval:
		return f.stepApproval(p, rec)
	case schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome:
		return f.stepList(p, rec)
	case schemas.KindUnknown, schemas.KindCredential, schemas.KindGovernance, schemas.KindHeartbeat,
		schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
	}
	return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_SUBJECT, "no %s stands on a ledger under one signature", p.kind)
}

// stepIntents accepts every authentic list of intents, even one that cannot be
// read or whose sender lost its standing: those get a DENY, not silence.
func (f *Fold) stepIntents(p *Parsed, rec Record) (Record, error) {
	if rec.Signer.ID.Name != p.token {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_NAME, "%s wrote on the subject of agent %q", rec.Signer.ID, p.token)
	}
	rec.Items, rec.ListErr = p.items, p.listErr
	rec.PayloadDigest = trust.DigestOf(p.env.Payload)
	if rec.ListErr == nil && p.ledger != f.gov.Ledger() {
		rec.ListErr = schemas.Refuse(pb.Reason_REASON_PAYLOAD_MALFORMED, "the list is for ledger %s", p.ledger.Short())
	}
	if bounds := f.gov.Release().Bounds; rec.ListErr == nil && (len(p.items) > bounds.MaxListItems || len(p.env.Payload) > bounds.MaxListBytes) {
		rec.ListErr = schemas.Refuse(pb.Reason_REASON_PAYLOAD_MALFORMED, "a list of %d items in %d bytes; the release accepts %d items in %d bytes",
			len(p.items), len(p.env.Payload), bounds.MaxListItems, bounds.MaxListBytes)
	}
	return rec, nil
}

func (f *Fold) stepList(p *Parsed, rec Record) (Record, error) {
	if err := f.standing(rec.Signer); err != nil {
		return Record{}, err
	}
	if p.listErr != nil {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_RECORD, "%v", p.listErr)
	}
	if p.ledger != f.gov.Ledger() {
		return Record{}, schemas.Refuse(pb.Reason_REASON_NOISE_LEDGER, "a list for ledger %s", p.ledger.Short())
	}
	rec.Items = p.items
	return rec, nil
}

func (f *Fold) stepPulse(p *Parsed, rec Record) (Record, error) {
	pulse := new(pb.Pulse)
	if err := f.single(p, rec.Signer, pulse, func() (ledger []byte, name string) { return pulse.GetLedger(), pulse.GetSentinel() }); err != nil {
		return Record{}, err
	}
	if err := f.newPulse(rec.Signer.ID, pulse.GetClock().AsTime()); err != nil {
		return Record{}, err
	}
	now := Pulse{Seq: p.Seq, Time: f.logTime, Seen: f.pulse.Seen, Fault: f.gov.CheckHead(pulse.GetHead())}
	if err := f.checkSpan(rec.Signer.ID, p.Seq, pulse.GetSpan()); err != nil {
		now.Fault = err
	}
	if now.Fault == nil {
		now.Seen = max(now.Seen, pulse.GetHead().GetNumber())
	}
	f.pulse = now
	rec.Pulse = pulse
	return rec, nil
}

// newPulse refuses copies of old pulses: whoever could append them again would
// keep a zone alive whose sentinel is dead (S4). A pulse counts only while the
// sentinel's clock agrees with log time, and each sentinel's clock must move on.
func (f *Fold) newPulse(sentinel trust.Identity, clock time.Time) error {
	if bound := f.gov.Release().Bounds.MaxClockSkew; clock.Sub(f.logTime).Abs() > bound {
		return schemas.Refuse(pb.Reason_REASON_NOISE_STALE, "a pulse of %s at its clock's %s, at log time %s; they may differ by %v",
			sentinel, clock.UTC().Format(time.RFC3339Nano), f.logTime.UTC().Format(time.RFC3339Nano), bound)
	}
	if last, pulsed := f.pulsed[sentinel]; pulsed && !clock.After(last) {
		return schemas.Refuse(pb.Reason_REASON_NOISE_REPLAY, "%s pulsed at this clock or later before", sentinel)
	}
	f.pulsed[sentinel] = clock
	return nil
}

func (f *Fold) stepApproval(p *Parsed, rec Record) (Record, error) {
	approval := new(pb.Approval)
	if err := f.single(p, rec.Signer, approval, func() (ledger []byte, name string) { return approval.GetLedger(), approval.GetApprover() }); err != nil {
		return Record{}, err
	}
	rec.Approval = approval
	return rec, nil
}

// standing reports why a participant's records do not count now.
func (f *Fold) standing(cred trust.Credential) error {
	reason, ok := f.Standing(cred)
	if !ok {
		return schemas.Refuse(reason, "%s", cred.ID)
	}
	return nil
}

// Standing judges a credential by the governance state and the log time of the
// last position: ok, or the first reason against it.
func (f *Fold) Standing(cred trust.Credential) (reason pb.Reason, ok bool) {
	release := f.gov.Release()
	if release == nil {
		return pb.Reason_REASON_NOISE_UNENROLLED, false
	}
	entry, enrolled := release.Identity(cred.ID)
	switch {
	case !enrolled:
		return pb.Reason_REASON_NOISE_UNENROLLED, false
	case f.gov.RevokedCredential(cred):
		return pb.Reason_REASON_NOISE_REVOKED, false
	case !cred.ValidAt(f.logTime):
		return pb.Reason_REASON_NOISE_EXPIRED, false
	case !entry.BuildAllowed(cred.Build):
		return pb.Reason_REASON_NOISE_BUILD, false
	default:
		return pb.Reason_REASON_UNSPECIFIED, true
	}
}
