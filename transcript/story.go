package transcript

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Story is everything that a ledger tells of one intent, and its verdict derived
// again from the same prefix. Its JSON form is stable as a Line's is; durations
// are in milliseconds of log time.
type Story struct {
	Intent    Line       `json:"intent"`
	Resent    []Position `json:"resent,omitempty"` // where the same intent stands again
	Needed    int        `json:"decisions_needed"`
	Rederived *Rederived `json:"rederived,omitempty"` // absent for an intent that no enforcer decides
	Decisions []Recorded `json:"decisions"`
	Claims    []Line     `json:"claims"`
	Outcomes  []Line     `json:"outcomes"`
	Approvals []Line     `json:"approvals,omitempty"`
	Timings   Timings    `json:"timings_ms"`
}

// Rederived is the decision on the intent, derived anew.
type Rederived struct {
	Decision    *Decision `json:"decision"`
	Digest      string    `json:"digest"`                // SHA-256 of its bytes
	Explanation string    `json:"explanation,omitempty"` // of a denial, in sentences
}

// Recorded is a decision on the ledger, compared with the one derived anew.
type Recorded struct {
	Line Line `json:"line"`
	// Same says that the recorded bytes are the derived ones (S5).
	Same bool `json:"rederived_identical"`
	// Sealed says that nothing was derived to compare with: the verdict rests on
	// sealed arguments, its own or those of an intent within W before it.
	Sealed bool `json:"not_rederived_sealed,omitempty"`
}

// Timings are milliseconds from the intent; nil for what did not happen.
type Timings struct {
	Quorum  *float64 `json:"quorum,omitempty"`  // the vote that completed a quorum
	Claim   *float64 `json:"claim,omitempty"`   // the valid claim
	Outcome *float64 `json:"outcome,omitempty"` // its first outcome
	Run     *float64 `json:"run,omitempty"`     // the handler's run, by the executor's clock
}

// StoryTeller gathers one story from a feed's events. It belongs to the feed's
// goroutine.
type StoryTeller struct {
	about   trust.Digest
	teller  *Teller
	replica *verdict.Replica
	story   Story
	known   bool
	// again holds the derived decisions by round: an intent that is sent again after
	// its deadline is decided again.
	again  map[question]derived
	sealed map[ledger.Position]bool // where no decision was derived
}

// NewStoryTeller begins the story of the intent with a digest. The feed must
// begin at position 1: verdicts depend on all that stands before.
func NewStoryTeller(about trust.Digest) *StoryTeller {
	sealed := make(map[ledger.Position]bool)
	underived := func(at ledger.Position) { sealed[at] = true }
	return &StoryTeller{
		about: about, teller: NewTeller(), replica: verdict.NewReplica(verdict.ReplicaConfig{Underived: underived}), again: make(map[question]derived), sealed: sealed,
		story: Story{Decisions: []Recorded{}, Claims: []Line{}, Outcomes: []Line{}}, // lists in JSON, never null
	}
}

// Step takes one event. It fails only if a derived decision cannot be encoded.
func (s *StoryTeller) Step(f *ledger.Fold, ev feed.Event[Ahead]) error {
	again, err := rederive(s.replica, f, ev, s.about)
	if err != nil {
		return err
	}
	for _, d := range again {
		s.derived(f, d)
	}
	for i, l := range s.teller.Tell(f, ev) {
		if l.Intends() == s.about.String() {
			s.take(l, ev, i)
		}
	}
	return nil
}

func (s *StoryTeller) derived(f *ledger.Fold, again derived) {
	s.again[question(verdict.RoundOf(again.decision))] = again
	if s.story.Rederived == nil || again.decision.GetRound() > 0 { // the newest round is what holds
		s.story.Needed = int(f.Governance().Release().Proto.GetDecisionThreshold())
		s.story.Rederived = &Rederived{Decision: decision(again.decision), Digest: again.bytes.String(), Explanation: again.explanation}
	}
}

func (s *StoryTeller) take(l Line, ev feed.Event[Ahead], i int) {
	switch {
	case l.Intent != nil && !s.known:
		s.story.Intent, s.known = l, true
	case l.Intent != nil:
		s.story.Resent = append(s.story.Resent, l.Position)
	case l.Decision != nil:
		again, known := s.again[question{ledger.Position(l.Decision.Intent), l.Decision.Round}]
		same := known && again.bytes == ev.Record.Items[i].Digest
		sealed := !known && s.sealed[verdict.DecidedAt(ev.Ahead.decisions[i])]
		s.story.Decisions = append(s.story.Decisions, Recorded{Line: l, Same: same, Sealed: sealed})
	case l.Claim != nil:
		s.story.Claims = append(s.story.Claims, l)
	case l.Outcome != nil:
		s.story.Outcomes = append(s.story.Outcomes, l)
	case l.Approval != nil:
		s.story.Approvals = append(s.story.Approvals, l)
	}
}

// Story is what was told so far. Where the intent did not occur, and only a
// decision or a claim speaks of it, Intent is empty but for the digest.
func (s *StoryTeller) Story() Story {
	story := s.story
	if !s.known {
		story.Intent = Line{Intent: &Intent{Digest: s.about.String()}}
		return story
	}
	story.Timings = story.timings()
	return story
}

func (s *Story) timings() (t Timings) {
	if i := slices.IndexFunc(s.Decisions, func(r Recorded) bool { return r.Line.Decision.Quorum }); i >= 0 {
		t.Quorum = s.since(s.Decisions[i].Line.LogTime)
	}
	if i := slices.IndexFunc(s.Claims, func(l Line) bool { return l.Claim.Valid }); i >= 0 {
		t.Claim = s.since(s.Claims[i].LogTime)
	}
	if i := slices.IndexFunc(s.Outcomes, func(l Line) bool { return l.Outcome.Status != "" && !l.Outcome.Rogue }); i >= 0 {
		t.Outcome = s.since(s.Outcomes[i].LogTime)
		if o := s.Outcomes[i].Outcome; o.Started != nil && o.Finished != nil {
			t.Run = milliseconds(o.Finished.Sub(*o.Started))
		}
	}
	return t
}

func (s *Story) since(at time.Time) *float64 { return milliseconds(at.Sub(s.Intent.LogTime)) }

func milliseconds(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}
