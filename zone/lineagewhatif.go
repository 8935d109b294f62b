package zone

import (
	"cmp"
	"context"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
)

// WhatIfConfig says what is decided again. Candidate is required.
type WhatIfConfig struct {
	Candidate *governance.Release
	Last      uint64 // the newest position to read
	// Of are the positions of the intents to tell about, each where the intent stands
	// or stands again; empty for all between From and To.
	Of       []ledger.Position
	From, To uint64 // positions of intents: From <= p <= To; 0 for no bound
	Most     int    // how many changes to list; all are counted
}

// WhatIf is what a candidate would have made of intents in the place of the
// releases that decided them.
type WhatIf struct {
	Compared int            `json:"compared"` // decisions, one for each round
	Counts   map[Change]int `json:"counts"`   // of those that differ
	// Rounds are the decisions on the intents that were asked for by position, or
	// those that differ, in the order in which they were made.
	Rounds []WhatIfRound `json:"rounds"`
	// Underived counts decisions that could not be derived again on either side:
	// arguments are sealed, and no key to open them is here.
	Underived int `json:"underived"`
}

// WhatIfRound is one decision, made twice. An empty change means that both sides
// say the same.
type WhatIfRound struct {
	Example
	Same bool `json:"same"`
}

// AskWhatIf decides recorded intents twice, as Replay does, and tells of those
// that are asked for. All that stands before them is decided by the candidate
// too: a limit counts what the candidate would have allowed.
func AskWhatIf(ctx context.Context, source LineageSource, c WhatIfConfig) (*WhatIf, error) {
	both, err := newComparison(c.Candidate)
	if err != nil {
		return nil, err
	}
	w := &whatIf{cfg: c, both: both, found: &WhatIf{Counts: map[Change]int{}, Rounds: []WhatIfRound{}}, of: make(map[ledger.Position]bool, len(c.Of))}
	for _, at := range c.Of {
		w.of[at] = true
	}
	if err := source.Read(ctx, c.Last, w.step); err != nil {
		return nil, fmt.Errorf("zone: deciding the ledger's intents again: %w", err)
	}
	return w.found, nil
}

// whatIf is the work on one question.
type whatIf struct {
	both  *comparison
	cfg   WhatIfConfig
	of    map[ledger.Position]bool
	found *WhatIf
}

func (w *whatIf) asked(at ledger.Position) bool {
	if len(w.of) > 0 {
		return w.of[at]
	}
	return at.Seq >= w.cfg.From && (w.cfg.To == 0 || at.Seq <= w.cfg.To)
}

func (w *whatIf) step(f *ledger.Fold, rec ledger.Record, a history.Ahead) error {
	all, err := w.both.step(f, rec, a.Contents())
	if err != nil {
		return err
	}
	for at := range w.both.underived {
		if w.asked(at) {
			w.found.Underived++
		}
	}
	for _, p := range all {
		if w.asked(p.intent()) {
			w.tell(p)
		}
	}
	return nil
}

func (w *whatIf) tell(p pair) {
	w.found.Compared++
	before, after := decisionOf(p.own), decisionOf(p.other)
	change, differs := changeOf(before, after)
	if differs {
		w.found.Counts[change]++
	}
	if !differs && len(w.of) == 0 || len(w.of) == 0 && len(w.found.Rounds) >= w.cfg.Most {
		return
	}
	named := before
	if named == nil {
		named = after
	}
	w.found.Rounds = append(w.found.Rounds, WhatIfRound{
		Example{
			Change: change, Position: p.intent().String(), Round: p.round.Number, Agent: named.GetAgent(),
			// A tool may be one that only the candidate knows.
			Tool: cmp.Or(named.GetTool(), after.GetTool()), Resource: p.resource, Before: verdictOf(p.own), After: verdictOf(p.other),
		}, !differs,
	})
}
