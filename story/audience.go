package story

import (
	"sync"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/transcript"
)

// audience is whom the story is told to, one thing at a time, and what it takes to say
// which step a record belongs to. Safe for concurrent use.
type audience struct {
	before uint64 // the ledger's last sequence before the story began

	mu      sync.Mutex
	cfg     Config
	playing string            // number of the step that plays
	of      map[string]string // by an intent's digest: the step in which it was first seen
	teller  *transcript.Teller
}

func newAudience(cfg Config) *audience {
	return &audience{cfg: cfg, of: map[string]string{}, teller: transcript.NewTeller()}
}

func (a *audience) outline(all []chapter) error {
	headings := make([]Heading, len(all))
	for i, c := range all {
		headings[i] = Heading{c.number, c.title}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tell(Event{Outline: headings})
}

func (a *audience) begin(c chapter) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.playing = c.number
	return a.tell(Event{Begins: &Heading{c.number, c.title}})
}

func (a *audience) over(step Step) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cfg.Tell(step)
}

func (a *audience) tell(e Event) error {
	if a.cfg.Watch == nil {
		return nil
	}
	return a.cfg.Watch(e)
}

// ahead is what is read of a message before the fold has reached it.
type ahead struct {
	told transcript.Ahead
	raw  ledger.Raw
}

func prepare(p *ledger.Parsed) ahead { return ahead{transcript.Prepare(p), p.Raw} }

// hear tells of a message, if it concerns a step.
func (a *audience) hear(f *ledger.Fold, ev feed.Event[ahead]) error {
	if a.cfg.Watch == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := a.teller.Tell(f, feed.Event[transcript.Ahead]{
		Seq: ev.Seq, Time: ev.Time, Record: ev.Record, Noise: ev.Noise, Ahead: ev.Ahead.told, More: ev.More,
	})
	if ev.Seq <= a.before || a.playing == "" || len(lines) == 0 || !concerns(lines[0].Kind) {
		return nil
	}
	raw := ev.Ahead.raw
	return a.tell(Event{Record: &Record{
		Step: a.stepOf(lines[0]), Lines: lines, Raw: Raw{Seq: raw.Seq, Time: raw.Time.UTC(), Subject: raw.Subject, Data: raw.Data},
	}})
}

// concerns reports whether records of a kind concern single steps; the others (pulses,
// credentials) concern everybody.
func concerns(kind string) bool {
	switch kind {
	case schemas.KindIntent.String(), schemas.KindDecision.String(), schemas.KindClaim.String(), schemas.KindOutcome.String(), "noise":
		return true
	default:
		return false
	}
}

// stepOf is the step that plays; what answers an intent belongs to that intent's step,
// however late it comes. Claims are the players' own moves.
func (a *audience) stepOf(l transcript.Line) string {
	var digest string
	switch {
	case l.Intent != nil:
		if _, seen := a.of[l.Intent.Digest]; !seen {
			a.of[l.Intent.Digest] = a.playing
		}
	case l.Decision != nil:
		digest = l.Decision.Digest
	case l.Outcome != nil:
		digest = l.Outcome.Digest
	}
	if step, known := a.of[digest]; known {
		return step
	}
	return a.playing
}
