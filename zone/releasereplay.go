package zone

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Change is how a verdict under a candidate differs from the one that the
// ledger's own releases gave.
type Change string

// The changes, most serious first.
const (
	ChangeWidened   Change = "deny_to_allow" // it would allow what was denied
	ChangeErrors    Change = "new_error"     // it denies, now with an error that was not there
	ChangeNarrowed  Change = "allow_to_deny" // it would deny what was allowed
	ChangeReasoning Change = "reasons"       // it denies for other reasons
)

// Changes lists every change, most serious first.
func Changes() []Change {
	return []Change{ChangeWidened, ChangeErrors, ChangeNarrowed, ChangeReasoning}
}

// Verdict is one side of an Example.
type Verdict struct {
	Verdict string   `json:"verdict"` // ALLOW or DENY
	Reasons []string `json:"reasons,omitempty"`
	Detail  string   `json:"detail,omitempty"` // the explanation of a denial
}

// Example is one intent on which a candidate decides otherwise.
type Example struct {
	Change   Change  `json:"change"`
	Position string  `json:"position"` // of the intent
	Round    uint32  `json:"round,omitempty"`
	Agent    string  `json:"agent"` // SPIFFE ID
	Tool     string  `json:"tool"`
	Resource string  `json:"resource"`
	Before   Verdict `json:"before"`
	After    Verdict `json:"after"`
}

// Replayed is what a candidate would have made of the recorded intents.
type Replayed struct {
	Compared int            // decisions that were compared, one for each round
	Sealed   int            // decisions passed over: they may rest on sealed arguments
	Counts   map[Change]int // of those that differ; a new error that narrows counts as an error
	Examples []Example      // the first of each change
}

// ReplayConfig says what is replayed. Candidate is required.
type ReplayConfig struct {
	Candidate *governance.Release
	From      time.Time // intents and approvals before this log time are folded, not compared
	Last      uint64    // the newest position to replay
	Examples  int       // how many of each change to describe
}

// Replay decides every recorded intent twice, by the ledger's own releases and
// by a candidate in their place, and compares. Both start at the beginning of
// the ledger: a limit counts what each of them has allowed. Who may speak at all,
// halts and revocations are the ledger's on both sides, and so is the time in
// which a release holds: what was denied because a release had expired is no
// change.
func Replay(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, c ReplayConfig) (*Replayed, error) {
	both, err := newComparison(c.Candidate)
	if err != nil {
		return nil, err
	}
	r := &replay{c, both, &Replayed{Counts: map[Change]int{}}}
	cfg := feed.Config{Conn: conn, Zone: f.Zone, Ledger: f.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler), Skip: []schemas.Kind{
		schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome,
	}}
	err = feed.Until(ctx, cfg, c.Last, readContents, func(f *ledger.Fold, ev feed.Event[[]verdict.Content]) error {
		return r.step(f, ev.Record, ev.Ahead) // noise has no kind, so nothing is decided on it
	})
	if err != nil {
		return nil, fmt.Errorf("zone: replaying the ledger: %w", err)
	}
	return r.found, nil
}

// readContents reads intents ahead of the fold.
func readContents(p *ledger.Parsed) (all []verdict.Content) {
	if p.Kind() != schemas.KindIntent {
		return nil
	}
	for _, item := range p.Items() {
		all = append(all, verdict.Read(item.Bytes))
	}
	return all
}

// replay is the work of Replay.
type replay struct {
	cfg   ReplayConfig
	both  *comparison
	found *Replayed
}

func (r *replay) step(f *ledger.Fold, rec ledger.Record, contents []verdict.Content) error {
	all, err := r.both.step(f, rec, contents)
	if err != nil || rec.LogTime.Before(r.cfg.From) {
		return err
	}
	r.found.Sealed += len(r.both.underived)
	for _, p := range all {
		r.compare(p)
	}
	return nil
}

// comparison runs two replicas side by side.
type comparison struct {
	own, other *verdict.Replica
	open       map[ledger.Position]*openIntent // those that one side lets wait for approvals
	underived  map[ledger.Position]bool        // of this record: where a side could derive no decision, for want of a sealing key
}

// openIntent is what is remembered of an intent that may get further rounds.
type openIntent struct {
	resource   string
	own, other *verdict.Derived // newest
}

func newComparison(candidate *governance.Release) (*comparison, error) {
	rules := verdict.Compile(candidate)
	if rules.Err != nil {
		return nil, fmt.Errorf("zone: the candidate would deny everything: %w", rules.Err)
	}
	r := &comparison{open: map[ledger.Position]*openIntent{}, underived: map[ledger.Position]bool{}}
	note := func(at ledger.Position) { r.underived[at] = true }
	r.own = verdict.NewReplica(verdict.ReplicaConfig{Underived: note})
	r.other = verdict.NewReplica(verdict.ReplicaConfig{Underived: note, Rules: timeOf(rules)})
	return r, nil
}

// timeOf lets a candidate hold exactly as long as the release in whose place it
// decides.
func timeOf(rules *verdict.Rules) func(*governance.Release) *verdict.Rules {
	made := map[trust.Digest]*verdict.Rules{}
	return func(inForce *governance.Release) *verdict.Rules {
		if known, ok := made[inForce.Digest]; ok {
			return known
		}
		release, there := *rules.Release, *rules
		release.Proto = proto.CloneOf(release.Proto)
		release.Proto.NotBefore, release.Proto.Expires = inForce.Proto.GetNotBefore(), inForce.Proto.GetExpires()
		there.Release = &release
		made[inForce.Digest] = &there
		return &there
	}
}

// step is what both sides make of a record. What one side alone could derive is
// left out: it would look like a difference.
func (r *comparison) step(f *ledger.Fold, rec ledger.Record, contents []verdict.Content) ([]pair, error) {
	clear(r.underived)
	own, err := r.own.Step(f, rec, contents)
	if err != nil {
		return nil, err
	}
	other, err := r.other.Step(f, rec, contents)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(pairs(own, other), func(p pair) bool { return r.underived[p.decidedAt()] })
	for i := range all {
		p := &all[i]
		in := p.intent()
		known := r.open[in]
		if known == nil {
			known = &openIntent{resource: resourceAt(contents, in, rec.Seq)}
		}
		p.complete(known)
		if p.waits() {
			r.open[in] = known
		}
	}
	return all, nil
}

func resourceAt(contents []verdict.Content, at ledger.Position, seq uint64) string {
	if at.Seq != seq || int(at.Index) >= len(contents) {
		return ""
	}
	return contents[at.Index].Intent.GetResource()
}

// pair is what both sides decided in one round; nil where a side has no
// decision.
type pair struct {
	round      verdict.Round
	own, other *verdict.Derived
	resource   string // of the intent
}

// pairs matches decisions by their rounds.
func pairs(own, other []verdict.Derived) []pair {
	byRound := map[verdict.Round]*pair{}
	var order []verdict.Round
	at := func(round verdict.Round) *pair {
		if byRound[round] == nil {
			byRound[round] = &pair{round: round}
			order = append(order, round)
		}
		return byRound[round]
	}
	for i := range own {
		at(own[i].Round).own = &own[i]
	}
	for i := range other {
		at(other[i].Round).other = &other[i]
	}
	slices.SortFunc(order, verdict.Round.Compare)
	all := make([]pair, len(order))
	for i, round := range order {
		all[i] = *byRound[round]
	}
	return all
}

func (p *pair) intent() ledger.Position { return p.round.Intent }

// decidedAt is the position that called for the decision: at least one side made
// one.
func (p *pair) decidedAt() ledger.Position {
	if p.own != nil {
		return verdict.DecidedAt(p.own.Decision)
	}
	return verdict.DecidedAt(p.other.Decision)
}

// complete takes, where one side opened no round, its newest decision on the
// intent, and remembers what is newest now.
func (p *pair) complete(known *openIntent) {
	p.resource = known.resource
	if p.own == nil {
		p.own = known.own
	}
	if p.other == nil {
		p.other = known.other
	}
	known.own, known.other = p.own, p.other
}

func (p *pair) waits() bool {
	return p.own != nil && schemas.Pending(p.own.Decision) || p.other != nil && schemas.Pending(p.other.Decision)
}

func (r *replay) compare(p pair) {
	r.found.Compared++
	change, differs := changeOf(decisionOf(p.own), decisionOf(p.other))
	if !differs {
		return
	}
	r.found.Counts[change]++
	if r.found.Counts[change] > r.cfg.Examples {
		return
	}
	named := decisionOf(p.own)
	if named == nil {
		named = decisionOf(p.other)
	}
	tool := named.GetTool()
	if tool == "" {
		tool = decisionOf(p.other).GetTool() // a tool that only the candidate knows
	}
	r.found.Examples = append(r.found.Examples, Example{
		Change: change, Position: p.intent().String(), Round: p.round.Number,
		Agent: named.GetAgent(), Tool: tool, Resource: p.resource,
		Before: verdictOf(p.own), After: verdictOf(p.other),
	})
}

func decisionOf(d *verdict.Derived) *pb.Decision {
	if d == nil {
		return nil
	}
	return d.Decision
}

// errorReasons are those by which a release denies what it cannot judge.
var errorReasons = []pb.Reason{
	pb.Reason_REASON_POLICY_ERROR, pb.Reason_REASON_POLICY_INVALID, pb.Reason_REASON_ARGUMENTS_INVALID,
}

// changeOf compares two decisions; none is a denial.
func changeOf(before, after *pb.Decision) (change Change, differs bool) {
	allowed := before.GetVerdict() == pb.Verdict_VERDICT_ALLOW
	allows := after.GetVerdict() == pb.Verdict_VERDICT_ALLOW
	newError := slices.ContainsFunc(errorReasons, func(r pb.Reason) bool {
		return slices.Contains(after.GetReasons(), r) && !slices.Contains(before.GetReasons(), r)
	})
	switch {
	case !allowed && allows:
		return ChangeWidened, true
	case newError:
		return ChangeErrors, true
	case allowed && !allows:
		return ChangeNarrowed, true
	case !slices.Equal(before.GetReasons(), after.GetReasons()):
		return ChangeReasoning, true
	default:
		return "", false
	}
}

func verdictOf(d *verdict.Derived) Verdict {
	if d == nil {
		return Verdict{Verdict: "DENY", Detail: "it would not be decided"}
	}
	if d.Decision.GetVerdict() == pb.Verdict_VERDICT_ALLOW {
		return Verdict{Verdict: "ALLOW"}
	}
	v := Verdict{Verdict: "DENY", Detail: d.Explain()}
	for _, reason := range d.Decision.GetReasons() {
		v.Reasons = append(v.Reasons, schemas.ReasonCode(reason))
	}
	return v
}
