package engine

import (
	"math/rand/v2"
	"time"
)

// Step is a part of a load with one rate.
type Step struct {
	Rate float64 // actions a second; 0: none at all
	For  time.Duration
}

// schedule is when actions are to be sent, counted from its beginning. It is fixed by its steps and by a seed alone.
type schedule struct {
	steps  []Step
	random *rand.Rand    // nil: the intervals are equal
	begun  time.Duration // when the first of steps begins
	next   float64       // nanoseconds from there
}

func newSchedule(steps []Step, poisson bool, seed uint64) *schedule {
	s := &schedule{steps: steps}
	if poisson {
		s.random = rand.New(rand.NewPCG(seed, arrivals)) //nolint:gosec // a sequence that can be repeated is meant
	}
	return s
}

// Streams of random numbers that must not be the same for the same seed.
const (
	arrivals = iota + 1
	requests
)

// take returns the next moment; false when there is none any more.
func (s *schedule) take() (at time.Duration, ok bool) {
	for len(s.steps) > 0 {
		step := s.steps[0]
		if step.Rate > 0 && s.next < float64(step.For) {
			at = s.begun + time.Duration(s.next)
			s.next += s.interval(step.Rate)
			return at, true
		}
		s.begun, s.next, s.steps = s.begun+step.For, 0, s.steps[1:]
	}
	return 0, false
}

// interval is from one action to the next, in nanoseconds.
func (s *schedule) interval(rate float64) float64 {
	every := float64(time.Second) / rate
	if s.random == nil {
		return every
	}
	return every * s.random.ExpFloat64()
}
