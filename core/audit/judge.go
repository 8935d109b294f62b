package audit

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Judge judges a ledger record by record, as a fold arrives at them. What it
// remembers is bounded by what deadlines and W allow, whatever the ledger's
// length. It belongs to one goroutine.
type Judge struct {
	report  *Report
	found   func(Finding)
	most    int // findings that the report lists
	replica *verdict.Replica
	book    *permit.Book
	tally   *verdict.Tally

	lives   map[ledger.Position]*life // intents that are not over, or have no final state
	digest  map[trust.Digest]*life    // the same, by what claims name
	due     dueHeap
	claims  map[ledger.Position]*claim // valid, without an outcome
	done    aged.Map[ledger.Position, *claim]
	settled settled // outcomes of claims, done or forgotten
	rounds  map[verdict.Round]firstDecision
	sleep   sleep
	begin   begin

	pulse  ledger.Pulse // before the record that is judged
	closed closings
	heads  []headSeen // of trees, that pulses name
	losses []lossSeen // that took effect, in order
	fault  string     // of the newest pulse
	late   uint64     // decisions on what was derived too long ago to compare
	old    uint64     // trees in pulses that are too old to compare

	blind blindness
}

// JudgeConfig says how to judge.
type JudgeConfig struct {
	Whole       bool          // the records begin with genesis: verdicts are derived again
	MaxFindings int           // how many the report lists; 0 means DefaultFindings
	Found       func(Finding) // told of each finding, listed or not; may be nil

	// Recorded is what quorums decided on intents whose arguments are sealed, by
	// where it was decided: what an earlier judge's Underived gave. Without it,
	// verdicts that may depend on such an intent are not derived, which is said of
	// them; with it, one in the clear that still is not derived is a finding.
	Recorded map[ledger.Position]*pb.Decision
}

// DefaultFindings is how many findings a report lists unless told otherwise.
const DefaultFindings = 10_000

// NewJudge has seen nothing.
func NewJudge(cfg JudgeConfig) *Judge {
	j := &Judge{
		report: &Report{Whole: cfg.Whole, Records: map[string]uint64{}, Noise: map[string]uint64{}, Void: map[string]uint64{}, Final: map[State]uint64{}, Findings: []Finding{}},
		found:  cfg.Found, most: cfg.MaxFindings,
		book: permit.NewBook(permit.Owner{}), tally: verdict.NewTally(),
		lives: map[ledger.Position]*life{}, digest: map[trust.Digest]*life{},
		claims: map[ledger.Position]*claim{}, rounds: map[verdict.Round]firstDecision{},
		blind: blindness{told: cfg.Recorded != nil && len(cfg.Recorded) < maxRecorded, recorded: map[ledger.Position]*pb.Decision{}},
	}
	if j.most == 0 {
		j.most = DefaultFindings
	}
	if cfg.Whole {
		j.replica = verdict.NewReplica(verdict.ReplicaConfig{
			Recorded:  func(at ledger.Position) *pb.Decision { return cfg.Recorded[at] },
			Underived: func(at ledger.Position) { j.blind.missed = append(j.blind.missed, at) },
		})
	}
	return j
}

// find reports a finding.
func (j *Judge) find(f Finding) {
	if j.found != nil {
		j.found(f)
	}
	if len(j.report.Findings) == j.most {
		j.report.More++
		return
	}
	j.report.Findings = append(j.report.Findings, f)
}

// at is a finding about a position at which the fold stands.
func at(f *ledger.Fold, rule Rule, p ledger.Position, subject, format string, args ...any) Finding {
	return Finding{Rule: rule, Position: p.String(), LogTime: f.LogTime(), Subject: subject, Detail: fmt.Sprintf(format, args...)}
}

// Noise counts bytes that are no record.
func (j *Judge) Noise(f *ledger.Fold, why error) {
	j.report.Noise[schemas.ReasonCode(schemas.ReasonOf(why))]++
	j.pass(f)
}

// Record judges an authentic record at which the fold has just arrived; ahead is
// its own, as Read gave it. The error is one of deriving: then nothing that
// follows can be judged.
func (j *Judge) Record(f *ledger.Fold, rec ledger.Record, a Ahead) error {
	j.report.Records[rec.Kind.String()]++
	j.report.Items += uint64(len(rec.Items))
	j.pass(f)
	derived, err := j.derive(f, rec, a)
	if err != nil {
		return err
	}
	if rec.Kind != schemas.KindGovernance {
		j.report.Signatures++
	}
	switch rec.Kind { //nolint:exhaustive // credentials are judged by the fold
	case schemas.KindGovernance:
		j.governed(f, rec)
	case schemas.KindIntent:
		j.intents(f, rec, a.contents, derived)
	case schemas.KindApproval:
		j.answered(rec, derived)
	case schemas.KindDecision:
		j.decisions(f, rec, a.decisions)
	case schemas.KindClaim:
		j.claimed(f, rec, a.stored)
	case schemas.KindOutcome:
		j.outcomes(f, rec, a.outcomes)
	case schemas.KindPulse:
		j.pulsed(f, rec)
	default:
	}
	if j.begin.known {
		j.closed.step(f)
	}
	return nil
}

// pass lets log time do its work: what was due is final, what no claim can rest
// on any more is forgotten.
func (j *Judge) pass(f *ledger.Fold) {
	j.begin.pass(f, j.report.Whole)
	j.closed.pass(f, j.pulse)
	j.pulse = f.Pulse()
	j.sleep.pass(f)
	j.book.Expire(f.LogTime())
	j.expire(f.LogTime())
	if release := f.Governance().Release(); release != nil {
		j.done.Forget(f.LogTime().Add(-release.Bounds.Memory), func(ledger.Position) {})
	}
}

func (j *Judge) derive(f *ledger.Fold, rec ledger.Record, a Ahead) ([]verdict.Derived, error) {
	if j.replica == nil {
		return nil, nil
	}
	j.blind.missed = j.blind.missed[:0]
	derived, err := j.replica.Step(f, rec, a.contents)
	if err != nil {
		return nil, fmt.Errorf("audit: position %d: %w", rec.Seq, err)
	}
	j.report.Verdicts += uint64(len(derived))
	return derived, nil
}

// abandon gives up deriving verdicts: a record before this one is missing.
func (j *Judge) abandon(why string) {
	if j.replica != nil {
		j.replica = nil
		j.unjudged(why)
	}
}

func (j *Judge) unjudged(why string) { j.report.Unjudged = append(j.report.Unjudged, why) }
