package story

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Config is what a story needs.
type Config struct {
	Executable string           // the portcullis binary, for the parts
	Dir        string           // of a stopped fabric, or empty for a new one that is removed again
	Tell       func(Step) error // called with each step when it is over

	// Watch, if set, hears what happens while steps play. It and Tell are called one
	// at a time; an error of either ends the story.
	Watch func(Event) error
}

// ErrNotAsTold reports steps that did not come out as told.
var ErrNotAsTold = errors.New("story: not as told")

// Limit is how long the whole story may take, but for its end.
const Limit = 2 * time.Minute

// chapter is one step before it is played.
type chapter struct {
	number, title string
	play          func(ctx context.Context, s *stage, step *Step) error
}

// chapters is the story. What a step leaves behind for later ones is in plot.
func chapters(p *plot) []chapter {
	return []chapter{
		{"1", "scout reads a report", p.read},
		{"2", "scout writes a file", p.write},
		{"3", "scout transfers 250 to acme", p.transfer},
		{"4", "scout asks for a transfer of 5000", p.overLimit},
		{"5a", "mallory writes to scout's subject", p.forgeSubject},
		{"5b", "mallory signs an intent in scout's name", p.forgeIntent},
		{"6a", "scout's transfer is sent again, byte for byte", p.replay},
		{"6b", "mallory sends scout's transfer as her own", p.replayElsewhere},
		{"7a", "the enforcer freezes until the deadline is over", p.freeze},
		{"7b", "somebody with an executor's keys claims it all the same", p.claimLate},
		{"7c", "scout's request arrives after its deadline", p.arriveLate},
		{"8a", "the amount is altered under scout's signature", p.alter},
		{"8b", "the altered transfer is signed again with scout's key", p.resign},
		{"8c", "somebody with an executor's keys claims the altered transfer", p.claimAltered},
	}
}

// Run tells the whole story. It returns ErrNotAsTold if a step did not come out
// as it must, and other errors when the story could not be told to its end.
func Run(ctx context.Context, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	s, err := newStage(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.close()
	all, wrong := chapters(new(plot)), 0
	if err := s.heard.outline(all); err != nil {
		return err
	}
	for _, c := range all {
		step, err := s.play(ctx, c)
		if err != nil {
			return err
		}
		if len(step.Faults) > 0 {
			wrong++
		}
		if err := s.heard.over(step); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%w: %d steps", ErrNotAsTold, wrong)
	}
	return nil
}

// play plays one step until all that it left on the ledger was read.
func (s *stage) play(ctx context.Context, c chapter) (Step, error) {
	step := Step{Number: c.number, Title: c.title}
	err := s.heard.begin(c)
	if err == nil {
		err = c.play(ctx, s, &step)
	}
	if err == nil {
		err = s.view.awaitAll(ctx, &step)
	}
	if err == nil {
		err = ctx.Err() // what a step was kept from is no fault of the step
	}
	if err != nil {
		return Step{}, fmt.Errorf("story: step %s: %w", c.number, err)
	}
	return step, nil
}
