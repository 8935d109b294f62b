//go:build faults

package single_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKillRelaxed kills real processes in the relaxed mode, again and again. A record that was acknowledged is in the system's
// memory then, which outlives its process: nothing is lost without a power loss.
func TestKillRelaxed(t *testing.T) {
	s := newSite(t, filepath.Join(t.TempDir(), "data"), relaxed)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s.start(everything...)
	s.connect()
	stop := s.load()
	s.awaitProgress()
	killed := map[string]int{}
	for round := range 2 * *rounds {
		part := everything[random.IntN(len(everything))]
		if round%2 == 0 {
			part = "server" // it is about the broker first of all
		}
		// The wait is the experiment: the moment must have nothing to do with what runs.
		time.Sleep(time.Duration(random.Int64N(int64(700 * time.Millisecond))))
		s.kill(part)
		s.start(part)
		s.awaitProgress()
		killed[part]++
	}
	stop()
	a := s.complete(0)
	report.row(t, fmt.Sprintf("kill -9, relaxed sync, %d times", 2**rounds),
		fmt.Sprintf("0 of %d records lost; killed: %v; %d effects, each once and claimed", a.last, killed, s.outside.count()))
}
