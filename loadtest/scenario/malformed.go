package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/streams"
)

func malformed() Scenario {
	return Scenario{
		Name: "malformed", Summary: "One agent writes noise of every kind as fast as it is acknowledged: what the others ask for goes on.",
		Params: with(func(p *engine.Params) { p.Rate = 500 }),
		play:   playMalformed,
	}
}

// storm is what became of the noise.
type storm struct {
	stored, lists, refused uint64
	wrong                  error // something that ought to have been refused was stored, or the other way round
}

func playMalformed(ctx context.Context, w *engine.World) (engine.Played, error) {
	if w.Params.Agents < 2 {
		return engine.Played{}, errors.New("loadtest: one agent writes noise and others do not; give at least two with --agents")
	}
	var s storm
	load := w.Params.Load("under noise")
	load.Asks = butLast(w.Params)
	phase, err := w.Drive(ctx, load, func(during context.Context) error { return s.rage(during, w) })
	if err != nil {
		return engine.Played{}, err
	}
	p := played(append(permitted(phase), s.check()), phase)
	p.Judge = func(_ *result.Result, report *audit.Report) []result.Check { return []result.Check{s.judge(report)} }
	return p, nil
}

// butLast asks as every agent but the last one, which writes noise.
func butLast(p engine.Params) engine.Asks {
	p.Agents--
	return p.Uniform()
}

// rage writes noise until the load is over.
func (s *storm) rage(during context.Context, w *engine.World) error {
	hostile := w.Params.Agents - 1
	makers, err := w.Noise(hostile)
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(w.Params.Seed, 0)) //nolint:gosec // a sequence that can be repeated is meant
	for during.Err() == nil {
		noise := makers[random.IntN(len(makers))]
		data, err := noise.Make(random)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(during), appendWithin)
		err = w.Append(ctx, hostile, noise.Subject, data)
		cancel()
		s.take(noise, err)
	}
	return nil
}

const appendWithin = 30 * time.Second

func (s *storm) take(noise engine.Noise, err error) {
	switch {
	case err == nil && noise.List:
		s.lists++
	case err == nil:
		s.stored++
	case errors.Is(err, streams.ErrRefused) && noise.Refused:
		s.refused++
	}
	if stored, refused := err == nil, errors.Is(err, streams.ErrRefused); stored && noise.Refused || refused && !noise.Refused {
		s.wrong = errors.Join(s.wrong, fmt.Errorf("%s: %w", noise.Name, orStored(err)))
	} // what became of the others only the ledger tells, and the audit counts it
}

var errStored = errors.New("it was stored")

func orStored(err error) error {
	if err == nil {
		return errStored
	}
	return err
}

func (s *storm) check() result.Check {
	c := result.Check{
		What:  "what the broker must refuse it refuses, and it stores the rest",
		Found: fmt.Sprintf("%d refused, %d stored", s.refused, s.stored+s.lists), Holds: s.wrong == nil && s.stored > 0,
	}
	if s.wrong != nil {
		c.Found += ": " + s.wrong.Error()
	}
	return c
}

// judge demands that every record of the storm counted for nothing, by the audit.
func (s *storm) judge(report *audit.Report) result.Check {
	var noise uint64
	for _, n := range report.Noise {
		noise += n
	}
	return result.Check{
		What:  "noise is noise: it counts for nothing, and every record of it is counted",
		Found: fmt.Sprintf("%d records written, %d found", s.stored, noise), Holds: noise >= s.stored,
	}
}
