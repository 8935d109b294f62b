package proof

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Errors of making a file.
var (
	ErrUnknown    = errors.New("proof: no such intent on the ledger")
	ErrOpen       = errors.New("proof: not proved yet")        // more of the ledger may change that
	ErrUnprovable = errors.New("proof: no file can show that") // it rests on what is not on the ledger
)

// Question says what a file is to be about.
type Question struct {
	Intent trust.Digest
	// Claim is where a claim on it stands, to have a void one proved; zero, or the
	// position of anything else, asks what became of the intent.
	Claim ledger.Position
}

// Gatherer reads a ledger from its first record on and finds out which records a
// file needs. It keeps nothing of what is not about the intent but positions of
// governance records and of the newest credential of each key. It belongs to one
// goroutine.
type Gatherer struct {
	question    Question
	read        *reading
	credentials map[trust.KeyID]uint64 // key → where it was introduced last
	signed      map[uint64]uint64      // record about the intent → its signer's credential
	governance  []uint64               // with the credentials of the sentinels that tripped
	pulseSigned uint64                 // the newest pulse's signer's credential
	targets     []*target
}

// target is a moment that a later pulse must reach.
type target struct {
	moment
	notBefore time.Time // log time
	pulse     uint64    // the first that does; 0 if none has yet
}

// NewGatherer begins before the first record of the ledger with this genesis.
func NewGatherer(anchor trust.Digest, zone string, q Question) *Gatherer {
	return &Gatherer{
		question: q, read: newReading(anchor, zone, q.Intent),
		credentials: map[trust.KeyID]uint64{}, signed: map[uint64]uint64{},
	}
}

// Step reads the next message of the ledger, whatever it is.
func (g *Gatherer) Step(raw ledger.Raw) {
	p := g.read.parser.Parse(raw)
	if !g.matters(p) {
		g.read.fold.RaiseLogTime(raw.Time)
		return
	}
	before := g.sizes()
	rec, err := g.read.step(p)
	if err != nil {
		return // noise
	}
	switch rec.Kind { //nolint:exhaustive // the others are about the intent, or nothing
	case schemas.KindCredential:
		g.credentials[rec.Signer.Key.ID()] = rec.Seq
	case schemas.KindGovernance:
		g.governance = append(g.governance, rec.Seq)
		g.governance = append(g.governance, g.trippers(raw.Data)...)
	case schemas.KindPulse:
		g.pulseSigned = g.credentials[rec.Signer.Key.ID()]
		g.reach()
	default:
	}
	if after := g.sizes(); after != before {
		g.signed[rec.Seq] = g.credentials[rec.Signer.Key.ID()]
		g.aim(before, after)
	}
}

// matters reports whether a message can say anything of the intent. What names it
// has its digest, and what it is has that digest itself: the rest needs no
// signature checked.
func (g *Gatherer) matters(p *ledger.Parsed) bool {
	switch p.Kind() { //nolint:exhaustive // the others are few, and the fold needs them
	case schemas.KindIntent:
		return len(p.Items()) == 0 || slices.ContainsFunc(p.Items(), func(i ledger.Item) bool { return i.Digest == g.question.Intent }) ||
			trust.DigestOf(payloadOf(p.Data)) == g.question.Intent
	case schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome, schemas.KindApproval:
		return bytes.Contains(p.Data, g.question.Intent[:])
	default:
		return true
	}
}

func payloadOf(envelope []byte) []byte {
	env, err := trust.ParseEnvelope(envelope)
	if err != nil {
		return nil
	}
	return env.Payload
}

// trippers are where the keys were introduced that signed a governance record:
// without its sentinel's credential a trip is noise.
func (g *Gatherer) trippers(data []byte) (at []uint64) {
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		return nil
	}
	for _, s := range env.Signatures {
		if seq, known := g.credentials[s.KeyID]; known {
			at = append(at, seq)
		}
	}
	return at
}

// sizes tell whether a record was about the intent.
type sizes struct {
	asked                              bool
	votes, approvals, rulings, reports int
	decided                            *quorum
}

func (g *Gatherer) sizes() sizes {
	r := g.read
	return sizes{r.asked != nil, len(r.votes), len(r.approvals), len(r.rulings), len(r.reports), r.decided}
}

// aim sets what later pulses must reach, and keeps the pulse that claims were
// judged by.
func (g *Gatherer) aim(before, after sizes) {
	r := g.read
	if after.asked != before.asked {
		g.targets = append(g.targets, &target{moment: r.asked.moment, notBefore: r.deadline()})
	}
	if after.decided != before.decided {
		t := &target{moment: r.decided.moment}
		if !final(r.decided.decision) {
			t.notBefore = r.deadline()
		}
		g.targets = append(g.targets, t)
	}
	for _, one := range r.rulings[before.rulings:] {
		g.signed[one.pulse.at] = g.pulseSigned
		g.targets = append(g.targets, &target{moment: one.moment})
	}
	for _, one := range r.reports[before.reports:] {
		g.targets = append(g.targets, &target{moment: one.moment})
	}
}

func (g *Gatherer) reach() {
	for _, t := range g.targets {
		n := g.read.pulse
		if t.pulse == 0 && n.witnesses(t.moment) == nil && !n.logTime.Before(t.notBefore) {
			t.pulse = n.at
			g.signed[n.at] = g.pulseSigned
		}
	}
}

// Keys are whose checkpoints count after what was read.
func (g *Gatherer) Keys() (*lineage.Keys, error) { return g.read.fold.Governance().LogKeys() }

// Selection is which records a file needs.
type Selection struct {
	anchor    trust.Digest
	kind      Kind
	about     About
	positions []uint64 // ascending, distinct
}

// SelectRecord selects one record, whatever it is: Collector.TLogProof proves where
// it stands and nothing else.
func SelectRecord(anchor trust.Digest, position uint64) *Selection {
	return &Selection{anchor: anchor, positions: []uint64{position}}
}

// Least is the size of the smallest tree that covers the records.
func (s *Selection) Least() uint64 { return s.positions[len(s.positions)-1] }

// Kind is what the file will claim.
func (s *Selection) Kind() Kind { return s.kind }

// Choose finds what the records read so far prove. Errors wrap ErrUnknown,
// ErrUnprovable or ErrOpen; after the last, reading on may help.
func (g *Gatherer) Choose() (*Selection, error) {
	if g.read.asked == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknown, g.question.Intent)
	}
	if one, there := g.read.ruling(g.question.Claim); there && !one.Valid() {
		return g.chooseVoid(one)
	}
	if i := slices.IndexFunc(g.read.rulings, func(one ruling) bool { return one.Valid() }); i >= 0 {
		return g.chooseClaim(g.read.rulings[i])
	}
	deadline := g.read.asked.content.GetDeadline()
	passed := deadline != nil && !g.read.fold.LogTime().Before(deadline.AsTime())
	if q := g.read.decided; q != nil && q.decision.GetVerdict() != pb.Verdict_VERDICT_ALLOW {
		if !final(q.decision) && !passed {
			return nil, fmt.Errorf("%w: round %d denied it, and approvals may open another until %s", ErrOpen, q.decision.GetRound(), stamp(deadline.AsTime()))
		}
		return g.selection(KindDenied, nil, q.moment, g.decisionNeeds(q))
	}
	if q := g.read.decided; q != nil && q.decision.GetEvaluation() {
		return g.selection(KindEvaluated, nil, q.moment, g.decisionNeeds(q))
	}
	switch {
	case deadline == nil:
		return nil, fmt.Errorf("%w: it cannot be read, and no quorum has denied it yet", ErrOpen)
	case !passed:
		return nil, fmt.Errorf("%w: no final state; ask again after its deadline, %s", ErrOpen, stamp(deadline.AsTime()))
	}
	for _, one := range slices.Backward(g.read.rulings) {
		if !restsOnAbsence(one) {
			return g.chooseVoid(one)
		}
	}
	needs := []uint64{g.read.asked.at}
	if g.read.decided != nil {
		needs = append(needs, g.decisionNeeds(g.read.decided)...)
	}
	return g.selection(KindExpired, nil, g.read.asked.moment, needs)
}

// chooseClaim proves a valid claim, with its outcome if there is one.
func (g *Gatherer) chooseClaim(one ruling) (*Selection, error) {
	needs := g.claimNeeds(one)
	reported, there := g.read.concludes(one)
	if !there {
		return g.selection(KindClaimed, &one, one.moment, needs)
	}
	needs = append(needs, reported.at)
	return g.selection(kindOfStatus[reported.outcome.GetStatus()], &one, reported.moment, needs)
}

func (g *Gatherer) chooseVoid(one ruling) (*Selection, error) {
	if restsOnAbsence(one) {
		return nil, fmt.Errorf("%w: the claim at %s is void for want of a record (%s); audit an export instead: portcullis export, portcullis audit", ErrUnprovable, one.Position, schemas.ReasonCode(one.Void))
	}
	needs := g.claimNeeds(one)
	for _, other := range g.read.rulings {
		if other.Valid() && one.Void == pb.Reason_REASON_CLAIM_SECOND {
			needs = append(needs, g.claimNeeds(other)...)
		}
	}
	return g.selection(KindVoid, &one, one.moment, needs)
}

// claimNeeds are what a ruling was judged by. Reasons for which a claim is void
// are looked for in an order, and what comes later was not judged.
func (g *Gatherer) claimNeeds(one ruling) []uint64 {
	needs := []uint64{g.read.asked.at, one.at}
	if one.Valid() || one.Void == pb.Reason_REASON_CLAIM_SECOND {
		needs = append(needs, one.pulse.at)
	}
	if one.decided != nil && one.Void != pb.Reason_REASON_CLAIM_RELEASE {
		needs = append(needs, g.decisionNeeds(one.decided)...)
	}
	return needs
}

// decisionNeeds are the intent, the votes of a quorum, and the answers up to the
// one that opened its round.
func (g *Gatherer) decisionNeeds(q *quorum) []uint64 {
	needs := []uint64{g.read.asked.at}
	for _, v := range q.votes {
		needs = append(needs, v.at)
	}
	for _, a := range g.read.approvals {
		if q.decision.GetRound() > 0 && a.at <= q.decision.GetApproval().GetSequence() {
			needs = append(needs, a.at)
		}
	}
	return needs
}

// selection adds the pulse that reaches a moment.
func (g *Gatherer) selection(kind Kind, claim *ruling, until moment, needs []uint64) (*Selection, error) {
	i := slices.IndexFunc(g.targets, func(t *target) bool { return t.at == until.at && t.pulse > 0 })
	if i < 0 {
		return nil, fmt.Errorf("%w: no pulse of a sentinel that had read up to position %d stands on the ledger; look whether one runs: portcullis status", ErrOpen, until.at)
	}
	return g.chosen(kind, claim, append(needs, g.targets[i].pulse)), nil
}

func (g *Gatherer) chosen(kind Kind, claim *ruling, needs []uint64) *Selection {
	s := &Selection{
		anchor: g.read.fold.Governance().Ledger(), kind: kind,
		about: About{Intent: Digest(g.question.Intent), Position: Position(g.read.asked.position)},
	}
	if claim != nil {
		at := Position(claim.Position)
		s.about.Claim = &at
	}
	s.positions = slices.Clone(g.governance)
	for _, at := range needs {
		s.positions = append(s.positions, at, g.signed[at])
	}
	s.positions = slices.DeleteFunc(s.positions, func(at uint64) bool { return at == 0 })
	slices.Sort(s.positions)
	s.positions = slices.Compact(s.positions)
	return s
}
