package transcript

import (
	"encoding/hex"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Teller turns a feed's events into lines. What a line says of earlier records
// (rulings, votes, re-sends) rests on what the teller was told: begin the feed
// at position 1, or earlier than the first line of interest by the release's
// longest deadline and its pulse limit. Until so much log time has passed, a
// teller that began later rules on no claim. It remembers no more than the last
// W of the ledger. It belongs to the feed's goroutine.
type Teller struct {
	book      *permit.Book
	votes     votes
	intents   aged.Map[trust.Digest, ledger.Position] // where each intent stands first
	claims    aged.Map[ledger.Position, *validClaim]
	begun     time.Time // log time of the first event
	late      bool      // it was not told the ledger's beginning
	horizon   uint64    // claims at or before this sequence may be unknown
	governors map[trust.KeyID]governorKey
	release   trust.Digest // whose governors are known
}

// validClaim is a claim that was ruled valid.
type validClaim struct {
	executor trust.Identity
	intent   trust.Digest
	outcome  trust.Digest // of the first outcome's bytes; zero while there is none
}

// NewTeller starts before the first event of a feed.
func NewTeller() *Teller {
	return &Teller{book: permit.NewBook(permit.Owner{}), governors: make(map[trust.KeyID]governorKey)}
}

// Tell returns the lines of one event: one, or one for each item of a list.
func (t *Teller) Tell(f *ledger.Fold, ev feed.Event[Ahead]) []Line {
	if t.begun.IsZero() {
		t.begun, t.late, t.horizon = f.LogTime(), ev.Seq > 1, ev.Seq-1
	}
	t.meetRelease(f)
	t.forget(f)
	if ev.Noise != nil {
		return []Line{noise(f, ev)}
	}
	switch rec := ev.Record; rec.Kind { //nolint:exhaustive // no other kind stands on a ledger
	case schemas.KindIntent:
		return t.tellIntents(rec, ev.Ahead)
	case schemas.KindDecision:
		return each(rec, func(at ledger.Position, item ledger.Item) Line {
			return Line{Decision: t.decision(f, rec, item, ev.Ahead.decisions[at.Index])}
		})
	case schemas.KindClaim:
		return each(rec, func(at ledger.Position, item ledger.Item) Line {
			return Line{Claim: t.claim(f, rec, at, item)}
		})
	case schemas.KindOutcome:
		return each(rec, func(_ ledger.Position, item ledger.Item) Line {
			return Line{Outcome: t.outcome(rec, item)}
		})
	case schemas.KindGovernance:
		return []Line{t.tellGovernance(f, rec, ev.Ahead.governing)}
	case schemas.KindCredential:
		return []Line{single(rec, Line{Credential: credential(rec.Signer)})}
	case schemas.KindApproval:
		return []Line{single(rec, Line{Approval: &Approval{
			Digest: hex.EncodeToString(rec.Approval.GetIntentDigest()), Approve: rec.Approval.GetApprove(), Note: rec.Approval.GetNote(),
		}})}
	case schemas.KindPulse:
		return []Line{single(rec, Line{Pulse: pulse(f, rec.Pulse)})}
	default:
		return nil
	}
}

// forget keeps the book one deadline longer than an executor does, so that a
// claim that comes late is told to be late, not undecided. It is void either way.
func (t *Teller) forget(f *ledger.Fold) {
	release := f.Governance().Release()
	if release == nil {
		return
	}
	t.book.Expire(f.LogTime().Add(-release.Bounds.MaxDeadline))
	old := f.LogTime().Add(-release.Bounds.Memory)
	t.votes.forget(old)
	t.intents.Forget(old, func(trust.Digest) {})
	t.claims.Forget(old, func(at ledger.Position) { t.horizon = max(t.horizon, at.Seq) })
}

// single completes the line of a record that is no list.
func single(rec ledger.Record, l Line) Line {
	l.Position, l.LogTime, l.Kind = Position{Seq: rec.Seq}, rec.LogTime.UTC(), rec.Kind.String()
	if id := rec.Signer.ID; id != (trust.Identity{}) {
		l.By = []string{id.String()}
	}
	return l
}

// each makes one line of each item.
func each(rec ledger.Record, tell func(ledger.Position, ledger.Item) Line) []Line {
	lines := make([]Line, len(rec.Items))
	for i, item := range rec.Items {
		at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		lines[i] = single(rec, tell(at, item))
		lines[i].Position = Position(at)
	}
	return lines
}

func (t *Teller) tellIntents(rec ledger.Record, a Ahead) []Line {
	if rec.ListErr != nil {
		return []Line{single(rec, Line{Intent: &Intent{
			Digest: rec.PayloadDigest.String(), Defect: schemas.ReasonCode(pb.Reason_REASON_PAYLOAD_MALFORMED),
		}})}
	}
	return each(rec, func(at ledger.Position, item ledger.Item) Line {
		in := intent(item.Digest, a.contents[at.Index])
		if first, stands := t.intents.Get(item.Digest); stands {
			in.Resends = (*Position)(&first)
		} else {
			t.intents.Add(item.Digest, at, rec.LogTime)
		}
		return Line{Intent: in}
	})
}

func (t *Teller) decision(f *ledger.Fold, rec ledger.Record, item ledger.Item, said *pb.Decision) *Decision {
	release := f.Governance().Release()
	if said == nil || release == nil {
		return &Decision{Defect: "it is not a well-formed decision"}
	}
	d := decision(said)
	t.book.Decide(f, rec.Token, rec.Signer.ID, item, said)
	if tool := orElse(said.GetTool(), schemas.NoTool); tool != rec.Token {
		d.Defect = "it is about tool " + tool + " and stands on the subject of " + rec.Token
		return d
	}
	t.votes.add(d, said, item.Digest, rec.Signer.ID, int(release.Proto.GetDecisionThreshold()), rec.LogTime)
	return d
}

func (t *Teller) claim(f *ledger.Fold, rec ledger.Record, at ledger.Position, item ledger.Item) *Claim {
	r := t.book.Claim(f, rec.Token, rec.Signer.ID, at, item)
	if r.Claim == nil {
		return &Claim{Void: schemas.ReasonCode(r.Void)}
	}
	c := &Claim{
		Intent: Position(ledger.PositionOf(r.Claim.GetIntent())), Digest: r.Intent.String(),
		Incarnation: hex.EncodeToString(r.Claim.GetIncarnation()),
	}
	switch {
	case !t.rules(f):
		c.Unknown, t.horizon = true, max(t.horizon, at.Seq)
	case !r.Valid():
		c.Void = schemas.ReasonCode(r.Void)
	default:
		c.Valid = true
		t.claims.Add(at, &validClaim{executor: rec.Signer.ID, intent: r.Intent}, rec.LogTime)
	}
	return c
}

// rules reports whether the teller was told all that a claim at this position
// may rest on.
func (t *Teller) rules(f *ledger.Fold) bool {
	release := f.Governance().Release()
	return !t.late || release != nil && f.LogTime().Sub(t.begun) > release.Bounds.MaxDeadline+release.Bounds.PulseLimit
}

func (t *Teller) outcome(rec ledger.Record, item ledger.Item) *Outcome {
	said := permit.ReadOutcome(item.Bytes)
	if said == nil || said.GetExecutor() != rec.Signer.ID.String() {
		return &Outcome{Defect: "it is not a well-formed outcome of its signer"}
	}
	o := outcome(said)
	at := ledger.PositionOf(said.GetClaim())
	held, known := t.claims.Get(at)
	switch {
	case !known:
		o.Rogue = at.Seq > t.horizon
	case held.executor != rec.Signer.ID || held.intent != trust.DigestIn(said.GetIntentDigest()):
		o.Rogue = true
	case held.outcome.IsZero():
		held.outcome = item.Digest
	case held.outcome == item.Digest:
		o.Repeats = true
	default:
		o.Rogue = true
	}
	return o
}

func noise(f *ledger.Fold, ev feed.Event[Ahead]) Line {
	n := &Noise{Subject: ev.Ahead.subject, Bytes: ev.Ahead.size, Detail: ev.Noise.Error()}
	if refusal, ok := errors.AsType[*schemas.Refusal](ev.Noise); ok {
		n.Reason, n.Detail = schemas.ReasonCode(refusal.Reason), orElse(refusal.Detail, schemas.ReasonText(refusal.Reason))
	}
	return Line{Position: Position{Seq: ev.Seq}, LogTime: f.LogTime().UTC(), Kind: kindNoise, Noise: n}
}

const kindNoise = "noise"

func orElse[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// moment is a record's time for JSON; nil if the record has none.
func moment(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	at := t.AsTime()
	return &at
}
