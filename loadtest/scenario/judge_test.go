package scenario

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/streams"
)

func TestNamesAreDistinctAndFound(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] || s.Summary == "" || s.play == nil {
			t.Errorf("%s stands twice, says nothing or does nothing", s.Name)
		}
		seen[s.Name] = true
		if err := s.Params.Check(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if found, err := Find(s.Name); err != nil || found.Name != s.Name {
			t.Errorf("%s is not found: %v", s.Name, err)
		}
	}
	if _, err := Find("stady"); err == nil || !strings.Contains(err.Error(), "steady") {
		t.Errorf("an unknown name: %v", err)
	}
}

func rampStep(offered, achieved float64, p99 time.Duration) result.Phase {
	return result.Phase{Offered: offered, Achieved: achieved, Stages: []result.Stage{{Name: "answered", P99: p99}}}
}

func TestTheKnee(t *testing.T) {
	low := rampStep(100, 100, time.Millisecond)
	for name, tt := range map[string]struct {
		steps []result.Phase
		want  int
		holds bool
		found string
	}{
		"latency bends":     {[]result.Phase{low, rampStep(200, 200, 9*time.Millisecond), rampStep(300, 300, 11*time.Millisecond)}, 1, true, "the knee is at 200/s"},
		"it falls behind":   {[]result.Phase{low, rampStep(200, 195, time.Millisecond)}, 0, true, "the knee is at 100/s"},
		"a lucky step":      {[]result.Phase{low, rampStep(200, 100, time.Millisecond), rampStep(300, 300, time.Millisecond)}, 0, true, "the knee is at 100/s"},
		"never":             {[]result.Phase{low, rampStep(200, 200, time.Millisecond)}, 1, false, "begin higher"},
		"from the first on": {[]result.Phase{rampStep(100, 90, time.Millisecond)}, -1, true, "begin lower"},
	} {
		c := bends(tt.steps)
		if got := knee(tt.steps); got != tt.want || c.Holds != tt.holds || !strings.Contains(c.Found, tt.found) {
			t.Errorf("%s: step %d, want %d: %+v", name, got, tt.want, c)
		}
	}
}

func TestBurstsComeAndGo(t *testing.T) {
	steps := bursts(10, 12*time.Second)
	var whole time.Duration
	high := 0
	for i, s := range steps {
		whole += s.For
		if s.Rate > 10 {
			high++
			if i == 0 || i == len(steps)-1 || steps[i-1].Rate != 10 || steps[i+1].Rate != 10 {
				t.Errorf("burst %d has no calm around it", i)
			}
		}
	}
	if whole != 12*time.Second || high != burstCount {
		t.Errorf("%d bursts in %v", high, whole)
	}
}

func TestTheLastStartAfterAHalt(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	stops := []stop{{at(100), at(400)}, {at(600), at(900)}, {at(1000), at(1100)}}
	starts := []time.Time{at(50), at(350), at(110), at(399), at(401), at(600), at(899), at(1100)}
	got := sinceStops(stops, starts)
	if want := []time.Duration{299 * time.Millisecond, 299 * time.Millisecond, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	bound := 250 * time.Millisecond
	for name, tt := range map[string]struct {
		after []time.Duration
		holds bool
	}{
		"in time": {[]time.Duration{0, bound - 1}, true}, "at the bound": {[]time.Duration{bound}, false}, "without a halt": {nil, false},
	} {
		c := halted(result.Phase{}, make([]stop, len(tt.after)), tt.after, bound)[0]
		if c.Holds != tt.holds {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func memoryOf(mib ...uint64) result.Phase {
	var p result.Phase
	for i, m := range mib {
		p.Series = append(p.Series, result.Point{Second: float64(i), Memory: m << 20})
	}
	return p
}

func TestMemoryThatGrowsForEverIsSeen(t *testing.T) {
	flat, grows, settles := make([]uint64, 100), make([]uint64, 100), make([]uint64, 100)
	for i := range flat {
		flat[i], grows[i], settles[i] = 300, 300+uint64(10*i), min(300+uint64(20*i), 1000)
	}
	flat[70] = 0 // nobody looked
	for name, tt := range map[string]struct {
		series []uint64
		holds  bool
	}{"flat": {flat, true}, "settles": {settles, true}, "grows": {grows, false}, "nobody looked": {make([]uint64, 10), true}, "empty": {nil, true}} {
		if c := bounded(memoryOf(tt.series...)); c.Holds != tt.holds {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestAFateThatIsNotMeantIsSeen(t *testing.T) {
	p := result.Phase{Sent: 3, Outcomes: []result.Count{{Name: engine.Executed, Count: 2}, {Name: engine.Denied + "halted", Count: 1}}}
	if c := allOf("x", p, engine.Executed); c.Holds || c.Found != "2 of 3" {
		t.Errorf("got %+v", c)
	}
	if c := allOf("x", p, engine.Executed, engine.Denied); !c.Holds {
		t.Errorf("got %+v", c)
	}
	if c := allOf("x", result.Phase{}, engine.Executed); c.Holds {
		t.Error("of nothing, everything holds")
	}
	for _, c := range denied(p, 1) {
		if c.Holds {
			t.Errorf("two were executed and one was permitted: %+v", c)
		}
	}
}

func TestNoiseThatGoesTheWrongWayIsSeen(t *testing.T) {
	kept, shut := engine.Noise{Name: "kept"}, engine.Noise{Name: "shut", Refused: true}
	for name, tt := range map[string]struct {
		noise engine.Noise
		err   error
		holds bool
	}{
		"stored":             {kept, nil, true},
		"refused":            {shut, streams.ErrRefused, true},
		"refused and stored": {shut, nil, false},
		"kept and refused":   {kept, streams.ErrRefused, false},
		"nobody knows":       {shut, streams.ErrUnknown, true},
		"kept, perhaps":      {kept, streams.ErrUnknown, true},
	} {
		s := storm{stored: 1}
		s.take(tt.noise, tt.err)
		if c := s.check(); c.Holds != tt.holds {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := (&storm{}).check(); c.Holds {
		t.Error("a storm of nothing holds")
	}
	s := storm{stored: 5, wrong: errors.Join()}
	if c := s.judge(&audit.Report{Noise: map[string]uint64{"noise.envelope": 4}}); c.Holds {
		t.Error("the audit found less noise than was written")
	}
}

func TestGovernanceThatTookNoEffectIsSeen(t *testing.T) {
	report := &audit.Report{Governance: []audit.Governed{{Kind: "halt"}, {Kind: "resume"}}}
	if c := govern(report, "halt", 1); !c.Holds {
		t.Errorf("got %+v", c)
	}
	if c := govern(report, "halt", 2); c.Holds {
		t.Errorf("got %+v", c)
	}
	void := &audit.Report{Final: map[audit.State]uint64{audit.StateVoid: 1}}
	lost := result.Phase{Sent: 2, Outcomes: []result.Count{{Name: engine.Unanswered, Count: 2}}}
	if c := stale(lost, void); c.Holds {
		t.Errorf("two were not answered, and one was void: %+v", c)
	}
}
