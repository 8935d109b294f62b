//go:build sim

package sim_test

import (
	"flag"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/sim"
)

var (
	seedFlag  = flag.Int64("sim.seed", -1, "TestPromisesHold plays this seed alone and tells what happens")
	flawFlag  = flag.String("sim.flaw", "", "with sim.seed: plant this one of the flaws, by its name")
	forFlag   = flag.Duration("sim.for", 0, "how long TestEndless plays new seeds; 0 means not at all")
	runsFlag  = flag.Uint64("sim.runs", 2000, "how many seeds TestPromisesHold plays")
	stepsFlag = flag.Int("sim.steps", 0, "how many steps a run has; 0 means as its seed says")
)

// TestMain: a run makes much garbage and keeps nothing.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// lengths of runs, in turn: most flaws show in short ones, some need a history.
var lengths = []int{40, 40, 40, 80, 40, 40, 40, 160}

func steps(seed uint64) []sim.Step {
	n := lengths[seed%uint64(len(lengths))]
	if *stepsFlag > 0 {
		n = *stepsFlag
	}
	return sim.NewSteps(seed, n)
}

// total is what some runs came to.
type total struct {
	runs, acts, approved, seconds, betrayed int
	failed                                  []uint64 // seeds
}

func (t *total) add(seed uint64, r sim.Result) {
	t.runs++
	t.acts += r.Acts
	t.approved += r.Approved
	t.seconds += r.Seconds
	t.betrayed += r.Betrayed
	if r.Failure != nil {
		t.failed = append(t.failed, seed)
	}
}

// TestPromisesHold plays the seeds that every change must survive.
func TestPromisesHold(t *testing.T) {
	if *seedFlag >= 0 {
		flaw, world := planted(*flawFlag)
		tell(t, uint64(*seedFlag), flaw, world)
		return
	}
	sum := play(t, 0, *runsFlag, asDrawn)
	if sum.acts < sum.runs || sum.approved < sum.runs/10 || sum.betrayed < sum.runs/20 {
		t.Errorf("%+v: too few to show anything", sum)
	}
}

// TestLyingBroker shows what is not promised, and that it is no more than the
// package's comment says: where a broker shows one executor another ledger, it
// may judge a claim otherwise than everybody else, and an action starts twice,
// before the next pulse that covers the lie. If no run shows that, PROTOCOL
// section 9 may promise more.
func TestLyingBroker(t *testing.T) {
	sum := play(t, 0, *runsFlag/20, func(c *sim.Config) {
		honest(c)
		c.Substitutes = true
	})
	if sum.seconds == 0 || sum.betrayed < sum.runs/2 {
		t.Errorf("%+v: too few lies to show anything", sum)
	}
}

// TestEndless plays new seeds for as long as it is told, or until one fails.
func TestEndless(t *testing.T) {
	const round = 500
	for start, from := time.Now(), *runsFlag; time.Since(start) < *forFlag && !t.Failed(); from += round {
		sum := play(t, from, round, asDrawn)
		t.Logf("%8s: seeds %d to %d, %d acts, %d of them approved, %d lies found out",
			time.Since(start).Round(time.Second), from, from+round-1, sum.acts, sum.approved, sum.betrayed)
	}
}

// asDrawn leaves a world as its seed makes it.
func asDrawn(*sim.Config) {}

// play runs n seeds on two threads, in worlds that the given function changes,
// and tells the story of the first that fails.
func play(t *testing.T, from, n uint64, world func(*sim.Config)) (sum total) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for half := range uint64(2) {
		wg.Go(func() {
			for seed := from + half; seed < from+n; seed += 2 {
				cfg := sim.NewConfig(seed)
				world(&cfg)
				r := sim.Run(cfg, sim.Flaw{}, steps(seed), nil)
				mu.Lock()
				sum.add(seed, r)
				if r.Failure != nil {
					t.Errorf("seed %d: %v", seed, r.Failure)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(sum.failed) > 0 {
		tell(t, slices.Min(sum.failed), sim.Flaw{}, world)
	}
	return sum
}

// tell cuts a failing seed down to the steps that matter and tells the story.
func tell(t *testing.T, seed uint64, flaw sim.Flaw, world func(*sim.Config)) {
	t.Helper()
	cfg, all := sim.NewConfig(seed), steps(seed)
	world(&cfg)
	if r := sim.Run(cfg, flaw, all, nil); r.Failure != nil {
		all = sim.Shrink(cfg, flaw, all, r.Failure.Invariant)
		t.Errorf("seed %d: %v; %d steps are enough: %v", seed, r.Failure, len(all), all)
	}
	t.Logf("%+v", cfg)
	sim.Run(cfg, flaw, all, func(line string) { t.Log(line) })
}

// planted is a flaw by its name, and its world; none by any other.
func planted(name string) (sim.Flaw, func(*sim.Config)) {
	for _, f := range flaws {
		if f.name == name {
			return f.flaw, f.world
		}
	}
	return sim.Flaw{}, asDrawn
}
