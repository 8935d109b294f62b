package proof

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// reading is what records say of one intent, in their order: the whole ledger's
// when a file is made, a file's own when one is judged. It belongs to one
// goroutine.
type reading struct {
	intent trust.Digest
	parser ledger.Parser
	fold   *ledger.Fold
	book   *permit.Book
	tally  *verdict.Tally

	asked     *asked // nil until the intent is read
	votes     []vote
	decided   *quorum // of the newest round that has one
	booked    *quorum // the same, of what claims can rest on
	approvals []approval
	rulings   []ruling
	reports   []report
	pulse     named // the newest; its at is 0 if there is none
}

// moment is the ledger's state at one position.
type moment struct {
	at      uint64
	epoch   uint64
	release *governance.Release // nil before the first
	logTime time.Time
}

// asked is the intent as it stands on the ledger.
type asked struct {
	moment
	position ledger.Position
	agent    trust.Identity
	bytes    []byte     // nil if its list cannot be read
	content  *pb.Intent // nil if it cannot be read
}

// vote is one enforcer's decision on the intent.
type vote struct {
	at       uint64
	enforcer trust.Identity
	digest   trust.Digest // of the decision's bytes
	decision *pb.Decision
}

// quorum is a decision that enough enforcers signed, up to the last of them.
type quorum struct {
	moment
	decision *pb.Decision
	votes    []vote // the first of each distinct enforcer
}

// approval is one approver's answer.
type approval struct {
	moment
	approver trust.Identity
	approve  bool
}

// ruling is a claim on the intent, judged where it stands.
type ruling struct {
	permit.Ruling
	moment
	pulse   named   // the newest before it
	decided *quorum // on which it was judged; nil if there was none
}

// report is an outcome of one of the claims.
type report struct {
	moment
	position ledger.Position
	tool     string // in the record's subject
	signer   trust.Identity
	outcome  *pb.Outcome
	head     error // the governance head that it names is not on this chain
}

// named is a pulse: who has read up to where, and named which governance head.
type named struct {
	moment
	sentinel trust.Identity
	read     uint64 // the last position of its span; 0 if it names none
	number   uint64
	fault    error // the head is not on this chain
}

// newReading reads for one intent.
func newReading(anchor trust.Digest, zone string, intent trust.Digest) *reading {
	return &reading{
		intent: intent,
		parser: ledger.Parser{Zone: zone},
		fold:   ledger.NewFold(anchor, nil),
		book:   permit.NewBook(permit.Owner{}),
		tally:  verdict.NewTally(),
	}
}

// step folds one message. What is noise yields a *schemas.Refusal.
func (r *reading) step(p *ledger.Parsed) (ledger.Record, error) {
	rec, err := r.fold.Step(p)
	if err != nil {
		return ledger.Record{}, err
	}
	switch rec.Kind {
	case schemas.KindIntent:
		r.readIntents(rec)
	case schemas.KindDecision:
		r.readDecisions(rec)
	case schemas.KindClaim:
		r.readClaims(rec)
	case schemas.KindOutcome:
		r.readOutcomes(rec)
	case schemas.KindApproval:
		if trust.DigestIn(rec.Approval.GetIntentDigest()) == r.intent {
			r.approvals = append(r.approvals, approval{r.now(), rec.Signer.ID, rec.Approval.GetApprove()})
		}
	case schemas.KindPulse:
		r.pulse = named{
			moment: r.now(), sentinel: rec.Signer.ID, read: rec.Pulse.GetSpan().GetTo(),
			number: rec.Pulse.GetHead().GetNumber(), fault: r.fold.Pulse().Fault,
		}
	case schemas.KindUnknown, schemas.KindCredential, schemas.KindGovernance, schemas.KindHeartbeat,
		schemas.KindCheckpoint, schemas.KindAnswer, schemas.KindDelegation:
	}
	return rec, nil
}

func (r *reading) now() moment {
	gov := r.fold.Governance()
	return moment{r.fold.Seq(), gov.Epoch(), gov.Release(), r.fold.LogTime()}
}

// readIntents looks for the intent where it stands first. The same bytes again
// are a re-send, which nobody decides.
func (r *reading) readIntents(rec ledger.Record) {
	if r.asked != nil {
		return
	}
	if rec.ListErr != nil {
		if rec.PayloadDigest == r.intent {
			r.asked = &asked{moment: r.now(), position: ledger.Position{Seq: rec.Seq}, agent: rec.Signer.ID}
		}
		return
	}
	for i, item := range rec.Items {
		if item.Digest == r.intent {
			r.asked = &asked{
				moment: r.now(), position: ledger.Position{Seq: rec.Seq, Index: uint32(i)}, agent: rec.Signer.ID,
				bytes: item.Bytes, content: verdict.Read(item.Bytes).Intent,
			}
			return
		}
	}
}

func (r *reading) readDecisions(rec ledger.Record) {
	for i, item := range rec.Items {
		d := permit.ReadDecision(item.Bytes)
		if d == nil || trust.DigestIn(d.GetIntentDigest()) != r.intent || r.asked == nil || ledger.PositionOf(d.GetIntent()) != r.asked.position {
			continue
		}
		r.votes = append(r.votes, vote{rec.Seq, rec.Signer.ID, item.Digest, d})
		completed := &quorum{r.now(), d, r.votesFor(item.Digest)}
		if r.book.Decide(r.fold, rec.Token, rec.Signer.ID, item, d) != nil {
			r.booked = completed
		}
		if r.tally.Add(r.fold, rec, i, d) != nil && (r.decided == nil || d.GetRound() > r.decided.decision.GetRound()) {
			r.decided = completed
		}
	}
}

// votesFor are the first votes of distinct enforcers for the same bytes.
func (r *reading) votesFor(digest trust.Digest) []vote {
	var all []vote
	seen := map[trust.Identity]bool{}
	for _, v := range r.votes {
		if v.digest == digest && !seen[v.enforcer] {
			seen[v.enforcer] = true
			all = append(all, v)
		}
	}
	return all
}

func (r *reading) readClaims(rec ledger.Record) {
	for i, item := range rec.Items {
		at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		judged := r.book.Claim(r.fold, rec.Token, rec.Signer.ID, at, item)
		if judged.Claim != nil && judged.Intent == r.intent {
			one := ruling{Ruling: judged, moment: r.now(), pulse: r.pulse}
			if judged.Decision != nil {
				one.decided = r.booked
			}
			r.rulings = append(r.rulings, one)
		}
	}
}

func (r *reading) readOutcomes(rec ledger.Record) {
	for i, item := range rec.Items {
		o := permit.ReadOutcome(item.Bytes)
		if o == nil || trust.DigestIn(o.GetIntentDigest()) != r.intent {
			continue
		}
		r.reports = append(r.reports, report{
			moment: r.now(), position: ledger.Position{Seq: rec.Seq, Index: uint32(i)},
			tool: rec.Token, signer: rec.Signer.ID, outcome: o, head: r.fold.Governance().CheckHead(o.GetHead()),
		})
	}
}

// deadline is the intent's; 1970 if it cannot be read.
func (r *reading) deadline() time.Time { return r.asked.content.GetDeadline().AsTime() }

// ruling is the one on the claim at a position.
func (r *reading) ruling(at ledger.Position) (ruling, bool) {
	for _, one := range r.rulings {
		if one.Position == at {
			return one, true
		}
	}
	return ruling{}, false
}

// concludes is the first report of a valid claim, by its own executor. The first
// counts: a second one is drift, not a change of mind.
func (r *reading) concludes(claim ruling) (report, bool) {
	for _, one := range r.reports {
		if ledger.PositionOf(one.outcome.GetClaim()) == claim.Position && one.signer == claim.Executor && one.signer.Is(one.outcome.GetExecutor()) {
			return one, true
		}
	}
	return report{}, false
}

// witnesses reports why a pulse does not show that the chain of governance here
// is whole up to a moment: its sentinel had read that far and named a head of this
// chain that reaches to it. Where the pulse stands shows nothing: its sentinel may
// have signed it before what stands before it.
func (n named) witnesses(m moment) error {
	switch {
	case n.fault != nil:
		return fmt.Errorf("the pulse at %d: %w", n.at, n.fault)
	case n.read < m.at:
		return fmt.Errorf("the pulse at %d is of a sentinel that had read up to %d, not %d", n.at, n.read, m.at)
	case n.number < m.epoch:
		return fmt.Errorf("the pulse at %d names head %d; at %d it was %d", n.at, n.number, m.at, m.epoch)
	default:
		return nil
	}
}
