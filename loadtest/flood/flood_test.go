//go:build load

package flood

import (
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// rounds are how often a flood may be measured until it is within the bound: a
// machine that has other work spoils some, but the flood itself would spoil all.
const rounds = 8

func options(t *testing.T) Options {
	return Options{Dir: t.TempDir(), Good: 4, Rate: 50, Span: 2 * time.Second, Relaxed: true, Logger: slog.New(slog.DiscardHandler)}
}

func opened(t *testing.T, o Options) *Zone {
	t.Helper()
	z, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Close)
	z.Measure(t.Context()) // the first answers are slower
	return z
}

// TestOneAgentStarvesNobody: whatever one agent floods a zone with, the others are
// all answered, and their p99 does not double.
func TestOneAgentStarvesNobody(t *testing.T) {
	z := opened(t, options(t))
	var all []Noticed
	for _, k := range Kinds() {
		n, err := z.Least(t.Context(), k, rounds)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, n); !n.Holds() {
			t.Errorf("%s: the others' p99 grew from %v to %v, %d of %d were not answered", k.Name, n.Quiet.P99, n.Flood.P99, n.Flood.Failed, n.Flood.Asked)
		}
	}
	if err := WriteTable(t.Output(), all); err != nil {
		t.Error(err)
	}
	for _, v := range z.Seen() {
		switch {
		case v.Name == zoneName+"_"+floodName && v.Held == 0:
			t.Error("the flood was never held back: it was none")
		case v.Name != zoneName+"_"+floodName && !v.Trusted && v.Refused > 0:
			t.Errorf("%s was refused: %+v", v.Name, v)
		}
	}
}

// TestWithoutLimitsTheFloodIsNoticed: what the door keeps out is a flood indeed.
func TestWithoutLimitsTheFloodIsNoticed(t *testing.T) {
	o := options(t)
	o.Limits = door.DefaultLimits
	o.Limits.Bytes, o.Limits.Messages, o.Limits.Intents = math.MaxInt32, math.MaxInt32, math.MaxInt32
	z := opened(t, o)
	n, err := z.Round(t.Context(), Kinds()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteTable(t.Output(), []Noticed{n}); err != nil {
		t.Error(err)
	}
	if n.Holds() {
		t.Errorf("without limits the others' p99 went from %v to %v only", n.Quiet.P99, n.Flood.P99)
	}
}

func TestOptionsWithAHoleAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no folder":    func(o *Options) { o.Dir = "" },
		"no agents":    func(o *Options) { o.Good = 0 },
		"no rate":      func(o *Options) { o.Rate = 0 },
		"no span":      func(o *Options) { o.Span = 0 },
		"no logger":    func(o *Options) { o.Logger = nil },
		"half a limit": func(o *Options) { o.Limits = door.Limits{Bytes: 1} },
	} {
		o := options(t)
		change(&o)
		if z, err := Open(t.Context(), o); err == nil {
			z.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLatencies(t *testing.T) {
	var took []time.Duration
	for i := range 200 {
		took = append(took, time.Duration(200-i)*time.Millisecond)
	}
	want := Latency{Asked: 200, Failed: 3, P50: 101 * time.Millisecond, P99: 199 * time.Millisecond, Max: 200 * time.Millisecond}
	if got := latencyOf(took, 3); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := latencyOf(nil, 0); got != (Latency{}) {
		t.Errorf("of nothing: %+v", got)
	}
	n := Noticed{Quiet: Latency{P99: 2 * time.Millisecond}, Flood: Latency{P99: 3 * time.Millisecond}}
	if n.Ratio() != 1.5 {
		t.Errorf("ratio %v", n.Ratio())
	}
}
