package drift

import (
	"fmt"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ballots holds what was decided in each round, for as long as a claim could
// rest on it.
type ballots struct {
	rounds  aged.Map[verdict.Round, *ballot]
	votes   *verdict.Tally // of releases that have verdicts derived again
	derives bool           // somebody derives verdicts again
	blind   bool           // and cannot, now
	since   time.Time      // log time when that began
	other   time.Time      // log time when a quorum last recorded what was not derived
}

// ballot is what is known of one round.
type ballot struct {
	first       trust.Digest // the decision that was recorded first; zero before any
	by          trust.Identity
	tool, agent string
	quorum      trust.Digest // zero before it stands
	derived     trust.Digest // zero before it was derived
}

// maxBallots bounds the rounds that are remembered, under whatever load.
const maxBallots = 1 << 16

func newBallots() ballots { return ballots{votes: verdict.NewTally()} }

func (b *ballots) of(f *ledger.Fold, round verdict.Round) *ballot {
	held, known := b.rounds.Get(round)
	if !known {
		held = new(ballot)
		b.rounds.Add(round, held, f.LogTime())
	}
	return held
}

func (b *ballots) expire(f *ledger.Fold) {
	if release := f.Governance().Release(); release != nil {
		b.rounds.Forget(f.LogTime().Add(-release.Bounds.MaxDeadline), b.votes.Forget)
		b.rounds.Trim(maxBallots, b.votes.Forget)
	}
}

// decided compares recorded decisions: with one another, and with those that
// were derived again.
func (w *Watch) decided(f *ledger.Fold, rec ledger.Record, decisions []*pb.Decision) {
	for i, d := range decisions {
		if d == nil {
			continue
		}
		if q := w.claims.book.Decide(f, rec.Token, rec.Signer.ID, rec.Items[i], d); q != nil {
			f.RaiseLogTime(q.GetLogTime().AsTime())
			w.redefined(f, rec, q)
		}
		round := verdict.RoundOf(d)
		b := w.ballots.of(f, round)
		w.diverges(f, rec, b, round, rec.Items[i].Digest, d)
		if w.settings[schemas.DriftReplayMismatch].off {
			continue
		}
		if q := w.ballots.votes.Add(f, rec, i, d); q != nil {
			b.quorum = rec.Items[i].Digest
			w.replayed(f, b, round)
			w.undue(f, b, round, d)
		}
	}
}

// redefined raises tool.definition: an agent was shown a tool that is not the one that
// governors signed, or asks for it as if nobody had defined it.
func (w *Watch) redefined(f *ledger.Fold, rec ledger.Record, q *pb.Decision) {
	if !slices.Contains(q.GetReasons(), pb.Reason_REASON_TOOL_DEFINITION) {
		return
	}
	w.raise(f, schemas.DriftToolDefinition, symptom{
		subject: q.GetTool(), about: about{tool: q.GetTool()}, at: rec.Seq, alike: true, since: f.LogTime(),
		detail: fmt.Sprintf("intent %s of %s names another definition of tool %s than the release pins, or none; look at what its server offers now", ledger.PositionOf(q.GetIntent()), q.GetAgent(), q.GetTool()),
	})
}

// undue raises replay.mismatch where a quorum has decided what calls for no
// decision: no intent stands there, or nobody opened that round. Beyond the
// deadline what was derived may be forgotten, and no claim can rest on it.
func (w *Watch) undue(f *ledger.Fold, b *ballot, round verdict.Round, d *pb.Decision) {
	if !w.ballots.derives || w.ballots.blind || !b.derived.IsZero() || !d.GetDeadline().AsTime().After(f.LogTime()) {
		return
	}
	w.ballots.other = f.LogTime()
	w.raise(f, schemas.DriftReplayMismatch, symptom{
		subject: round.Intent.String(), alike: true, since: f.LogTime(),
		detail: fmt.Sprintf("round %d of intent %s: a quorum recorded decision %s, where none is due", round.Number, round.Intent, b.quorum.Short()),
	})
}

// diverges raises decision.divergence: whoever signed them, two decisions of one
// round have the same bytes.
func (w *Watch) diverges(f *ledger.Fold, rec ledger.Record, b *ballot, round verdict.Round, digest trust.Digest, d *pb.Decision) {
	if b.first.IsZero() {
		b.first, b.by, b.tool, b.agent = digest, rec.Signer.ID, d.GetTool(), d.GetAgent()
		return
	}
	if b.first == digest {
		return
	}
	s := symptom{
		subject: round.Intent.String(), at: rec.Seq, alike: true, since: f.LogTime(),
		detail: fmt.Sprintf("round %d of intent %s: the decision of %s at position %d is not that of %s", round.Number, round.Intent, rec.Signer.ID, rec.Seq, b.by),
	}
	if b.tool == d.GetTool() && b.agent == d.GetAgent() { // else one of them lies about it
		s.about = about{tool: b.tool, agent: b.agent}
	}
	w.raise(f, schemas.DriftDecisionDivergence, s)
}

// Derived takes the digest of the decision that the sentinel has derived itself
// in a round. What a quorum recorded in it must have the same.
func (w *Watch) Derived(f *ledger.Fold, round verdict.Round, digest trust.Digest) {
	b := w.ballots.of(f, round)
	b.derived, w.ballots.derives = digest, true
	w.replayed(f, b, round)
}

// Blind says whether the sentinel cannot derive now what is due, because arguments
// are sealed to a key that it has not got: what quorums record meanwhile may be due
// all the same.
func (w *Watch) Blind(f *ledger.Fold, blind bool) {
	if blind && !w.ballots.blind {
		w.ballots.since = f.LogTime()
	}
	w.ballots.blind = blind
}

// replaying judges replay.mismatch, and warns while nobody here can: whoever may
// seal could hide a wrong verdict behind a sealed intent.
func replaying(w *Watch, m moment) []symptom {
	all := reported(schemas.DriftReplayMismatch, pb.Role_ROLE_AUDITOR)(w, m)
	if w.ballots.blind {
		all = append(all, symptom{
			level: pb.Level_LEVEL_WARN, subject: w.self.ID.String(), about: about{participant: w.self.ID}, since: w.ballots.since,
			detail: "arguments on the ledger are sealed to keys that it has not got: it derives no verdicts until W has passed",
		})
	}
	return all
}

// Derailed reports whether a quorum has recorded, within W, what the sentinel did
// not derive. The verdict state that it derives is then no longer that of
// enforcers that took up what was recorded, and must not be compared with theirs.
func (w *Watch) Derailed(f *ledger.Fold) bool {
	release := f.Governance().Release()
	return !w.ballots.other.IsZero() && release != nil && f.LogTime().Sub(w.ballots.other) <= release.Bounds.Memory
}

// replayed raises replay.mismatch.
func (w *Watch) replayed(f *ledger.Fold, b *ballot, round verdict.Round) {
	if b.quorum.IsZero() || b.derived.IsZero() || b.quorum == b.derived {
		return
	}
	w.ballots.other = f.LogTime()
	w.raise(f, schemas.DriftReplayMismatch, symptom{
		subject: round.Intent.String(), about: about{tool: b.tool, agent: b.agent}, alike: true, since: f.LogTime(),
		detail: fmt.Sprintf("round %d of intent %s: a quorum recorded decision %s, derived again it is %s", round.Number, round.Intent, b.quorum.Short(), b.derived.Short()),
	})
}
