package sim_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/sim"
)

func TestPromisesHold(t *testing.T) {
	acts, records := 0, 0
	for seed := range uint64(200) {
		r := sim.Run(sim.NewConfig(seed), sim.Flaw{}, sim.NewSteps(seed, 300), nil)
		acts += r.Acts
		records += r.Records
		if r.Failure != nil {
			t.Errorf("seed %d: %v", seed, r.Failure)
		}
	}
	t.Logf("%d acts, %d records", acts, records)
}
