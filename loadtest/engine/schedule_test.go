package engine

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func moments(s *schedule) []time.Duration {
	var all []time.Duration
	for at, ok := s.take(); ok; at, ok = s.take() {
		all = append(all, at)
	}
	return all
}

func TestAConstantScheduleIsEven(t *testing.T) {
	got := moments(newSchedule([]Step{{4, time.Second}, {0, time.Second}, {2, time.Second}}, false, 1))
	want := []time.Duration{0, 250, 500, 750, 2000, 2500}
	for i := range want {
		want[i] *= time.Millisecond
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSchedules: a schedule is fixed by its seed, ascends, stays within its steps, and has about as many moments as its
// rates say.
func TestSchedules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Step {
			return Step{rapid.Float64Range(0, 2000).Draw(t, "rate"), time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond}
		}), 0, 5).Draw(t, "steps")
		poisson, seed := rapid.Bool().Draw(t, "poisson"), rapid.Uint64().Draw(t, "seed")
		got := moments(newSchedule(steps, poisson, seed))
		if again := moments(newSchedule(steps, poisson, seed)); !slices.Equal(got, again) {
			t.Fatal("the same seed gave another sequence")
		}
		load := Load{Steps: steps}
		if !slices.IsSorted(got) || len(got) > 0 && got[len(got)-1] >= load.lasts() {
			t.Fatalf("%v does not lie within %v", got, load.lasts())
		}
		want := load.rate() * load.lasts().Seconds()
		if slack := 6*math.Sqrt(want) + 2*float64(len(steps)) + 1; math.Abs(float64(len(got))-want) > slack {
			t.Fatalf("%d moments, %v are meant", len(got), want)
		}
	})
}

func TestARandomScheduleDependsOnItsSeed(t *testing.T) {
	steps := []Step{{1000, time.Second}}
	if slices.Equal(moments(newSchedule(steps, true, 1)), moments(newSchedule(steps, true, 2))) {
		t.Error("two seeds gave one sequence")
	}
}

func TestTheRateOfALoad(t *testing.T) {
	for name, tt := range map[string]struct {
		load Load
		want float64
	}{
		"one step":       {Load{Steps: []Step{{100, time.Second}}}, 100},
		"two steps":      {Load{Steps: []Step{{100, time.Second}, {400, 3 * time.Second}}}, 325},
		"a closed loop":  {Load{Steps: []Step{{0, time.Second}}, Closed: true}, 0},
		"nothing at all": {Load{}, 0},
	} {
		if got := tt.load.rate(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
