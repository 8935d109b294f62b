//go:build sim

package sim_test

import (
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/sim"
)

var (
	seedFlag = flag.Int64("sim.seed", -1, "play this seed alone and print what happens")
	forFlag  = flag.Duration("sim.for", 0, "how long TestEndless plays new seeds; 0 means not at all")
)

const (
	runs  = 100 // each test run, and each round of TestEndless
	steps = 300
)

// TestPromisesHold plays the seeds that every change must survive.
func TestPromisesHold(t *testing.T) {
	if *seedFlag >= 0 {
		replay(t, uint64(*seedFlag))
		return
	}
	acts := play(t, 0, runs)
	if acts < runs {
		t.Errorf("%d acts in %d runs: too few to show anything", acts, runs)
	}
}

// TestEndless plays new seeds for as long as it is told.
func TestEndless(t *testing.T) {
	for start, from := time.Now(), uint64(runs); time.Since(start) < *forFlag && !t.Failed(); from += runs {
		play(t, from, runs)
	}
}

// play runs n seeds on two threads and returns how many actions were started.
func play(t *testing.T, from, n uint64) (acts int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for half := range uint64(2) {
		wg.Go(func() {
			for seed := from + half; seed < from+n; seed += 2 {
				r := sim.Run(sim.NewConfig(seed), sim.Flaw{}, sim.NewSteps(seed, steps), nil)
				mu.Lock()
				acts += r.Acts
				if r.Failure != nil {
					t.Errorf("seed %d: %v; see go test ./sim -run TestPromisesHold -sim.seed=%d", seed, r.Failure, seed)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return acts
}

// replay cuts a failing seed down to the steps that matter and tells the story.
func replay(t *testing.T, seed uint64) {
	t.Helper()
	cfg, all := sim.NewConfig(seed), sim.NewSteps(seed, steps)
	r := sim.Run(cfg, sim.Flaw{}, all, nil)
	if r.Failure != nil {
		all = sim.Shrink(cfg, sim.Flaw{}, all, r.Failure.Invariant)
		t.Errorf("seed %d: %v; %d steps are enough: %v", seed, r.Failure, len(all), all)
	}
	t.Logf("%+v", cfg)
	sim.Run(cfg, sim.Flaw{}, all, func(line string) { t.Log(line) })
}
