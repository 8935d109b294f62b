package vitals

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

const (
	keepVotes  = 1 << 16 // decisions whose copies are known as such, at least
	keepClaims = 1 << 16 // lists of claims whose time is known, at least
	keepDone   = 1 << 16 // outcomes whose copies are known as such, at least
	keepEvents = 64      // governance records
)

// event is a governance record that took effect, or a drill.
type event struct {
	Position uint64    `json:"position"`
	At       time.Time `json:"at"` // log time
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
}

// tally counts what the ledger says, second by second. It belongs to one goroutine.
type tally struct {
	ring   ring
	votes  *recent[trust.Digest, []trust.Identity] // who signed a decision's bytes
	claims *recent[uint64, time.Time]              // log times of lists of claims
	done   *recent[trust.Digest, struct{}]
	events []event // oldest first
	newest time.Time
	last   uint64 // position
}

func newTally() *tally {
	return &tally{
		votes: newRecent[trust.Digest, []trust.Identity](keepVotes), claims: newRecent[uint64, time.Time](keepClaims),
		done: newRecent[trust.Digest, struct{}](keepDone),
	}
}

// second is what is counted at a record's log time.
func (t *tally) second(seq uint64, logTime time.Time) *counts {
	if t.last == 0 {
		t.ring.begin(logTime.Unix(), seq == 1)
	}
	t.last, t.newest = seq, logTime
	c := t.ring.at(logTime.Unix())
	c.records++
	return c
}

// step counts one message of the ledger, folded.
func (t *tally) step(f *ledger.Fold, ev feed.Event[ahead]) {
	threshold := 0
	if release := f.Governance().Release(); release != nil {
		threshold = int(release.Proto.GetDecisionThreshold())
	}
	c := t.second(ev.Seq, f.LogTime())
	if ev.Noise != nil {
		c.noise++
		return
	}
	t.record(c, ev.Record, ev.Ahead, threshold)
}

// record counts an authentic record. Threshold is how many enforcers must agree.
func (t *tally) record(c *counts, rec ledger.Record, a ahead, threshold int) {
	switch rec.Kind { //nolint:exhaustive // other kinds are counted as records alone
	case schemas.KindIntent:
		c.intents += uint32(max(len(rec.Items), 1)) //nolint:gosec // a list that cannot be read is denied as one
	case schemas.KindDecision:
		for i, d := range a.decisions {
			if d != nil && t.completes(rec.Items[i].Digest, rec.Signer.ID, threshold) {
				c.decide(d, rec.LogTime)
			}
		}
	case schemas.KindClaim:
		t.claims.put(rec.Seq, rec.LogTime)
	case schemas.KindOutcome:
		for i, o := range a.outcomes {
			t.outcome(c, rec.Items[i].Digest, o, rec.LogTime)
		}
	case schemas.KindGovernance:
		t.govern(rec)
	default:
	}
}

func (t *tally) govern(rec ledger.Record) {
	kind, text := governance.Describe(rec.Effect.Record)
	if rec.Effect.Drill {
		kind = "drill"
	}
	t.events = append(t.events, event{rec.Seq, rec.LogTime.UTC(), kind, text})
	t.events = slices.Clone(t.events[max(len(t.events)-keepEvents, 0):])
}

// completes reports whether this signature is the one that makes a quorum of a
// decision's bytes: later ones are copies.
func (t *tally) completes(decision trust.Digest, signer trust.Identity, threshold int) bool {
	voters, _ := t.votes.get(decision)
	if slices.Contains(voters, signer) || len(voters) >= max(threshold, 1) {
		return false
	}
	voters = append(slices.Clone(voters), signer)
	t.votes.put(decision, voters)
	return len(voters) == max(threshold, 1)
}

// decide counts a quorum's decision. How long it took is counted from where it could be
// decided, at the intent or at the approval, which it names.
func (c *counts) decide(d *pb.Decision, logTime time.Time) {
	switch {
	case d.GetVerdict() == pb.Verdict_VERDICT_ALLOW:
		c.allowed++
	case schemas.Pending(d):
		c.pending++
	default:
		c.denied++
		for _, reason := range d.GetReasons() {
			count(&c.reasons, reason, 1)
		}
	}
	began := d.GetLogTime().AsTime()
	took := max(logTime.Sub(began), 0)
	c.decided.add(micros(took))
	if d.GetDeadline() == nil {
		return
	}
	budget := d.GetDeadline().AsTime().Sub(began)
	if took > budget {
		c.late++
	}
	if budget > 0 {
		c.used.add(took.Seconds() / budget.Seconds() * million)
	}
}

const million = 1e6

func micros(d time.Duration) float64 { return d.Seconds() * million }

// outcome counts what became of a claim, once.
func (t *tally) outcome(c *counts, digest trust.Digest, o *pb.Outcome, logTime time.Time) {
	if _, copied := t.done.get(digest); copied || o == nil {
		return
	}
	t.done.put(digest, struct{}{})
	count(&c.outcomes, o.GetStatus(), 1)
	if claimed, ok := t.claims.get(o.GetClaim().GetSequence()); ok {
		c.done.add(micros(max(logTime.Sub(claimed), 0)))
	}
}
