package door

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestABucketKeepsItsRate: whoever waits as it is told gets no more than the burst,
// the rate and one last take on credit, and never much less than the rate.
func TestABucketKeepsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1000, 1_000_000).Draw(t, "rate") // so that no wait reaches maxWait
		burst := rapid.IntRange(1, 1_000_000).Draw(t, "burst")
		begin := time.Unix(0, 0)
		b, now, taken, last, idle := newBucket(float64(rate), float64(burst), begin), begin, 0, 0, time.Duration(0)
		for range rapid.IntRange(1, 100).Draw(t, "takes") {
			pause := time.Duration(rapid.IntRange(0, int(10*time.Millisecond)).Draw(t, "pause"))
			now, idle = now.Add(pause), idle+pause
			last = rapid.IntRange(0, 2_000_000).Draw(t, "n")
			taken += last
			now = now.Add(b.take(now, last))
		}
		passed := now.Sub(begin).Seconds()
		if most := float64(burst) + float64(rate)*passed + 1; float64(taken) > most {
			t.Fatalf("%d tokens in %.6f s, more than %.0f", taken, passed, most)
		}
		if least := float64(rate) * (passed - idle.Seconds()); float64(taken) < least*0.999-1 {
			t.Fatalf("%d tokens in %.6f s of waiting, fewer than %.0f", taken, passed, least)
		}
	})
}

func TestBucket(t *testing.T) {
	begin := time.Unix(1000, 0)
	tests := []struct {
		name  string
		takes []int
		at    []time.Duration
		want  time.Duration // after the last
	}{
		{"within the burst", []int{10}, []time.Duration{0}, 0},
		{"on credit", []int{11}, []time.Duration{0}, time.Second / 100},
		{"a debt grows", []int{10, 50, 50}, []time.Duration{0, 0, 0}, time.Second},
		{"a debt is paid", []int{110, 0}, []time.Duration{0, time.Second}, 0},
		{"silence is saved up to the burst only", []int{0, 110}, []time.Duration{0, time.Hour}, time.Second},
		{"a clock that goes back gives nothing", []int{20, 0}, []time.Duration{0, -time.Hour}, time.Second / 10},
		{"a wait has a bound", []int{math.MaxInt64}, []time.Duration{0}, maxWait},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, wait := newBucket(100, 10, begin), time.Duration(0)
			for i, n := range tt.takes {
				wait = b.take(begin.Add(tt.at[i]), n)
			}
			if wait.Round(time.Microsecond) != tt.want {
				t.Errorf("wait %v, want %v", wait, tt.want)
			}
		})
	}
}

// TestEachCostIsLimited: bytes, messages and intents each make an agent wait.
func TestEachCostIsLimited(t *testing.T) {
	l := Limits{Bytes: 1000, Messages: 100, Intents: 10, Burst: time.Second, Connections: 1, Unread: leastUnread}
	for name, c := range map[string]cost{"bytes": {bytes: 2000}, "messages": {messages: 200}, "intents": {items: 20}} {
		p := newPurse(l, time.Unix(0, 0))
		if wait := p.spend(time.Unix(0, 0), cost{bytes: 1000, messages: 100, items: 10}); wait != 0 {
			t.Errorf("%s: what is allowed waits %v", name, wait)
		}
		p = newPurse(l, time.Unix(0, 0))
		if wait := p.spend(time.Unix(0, 0), c); wait != time.Second {
			t.Errorf("%s: %v, want 1s", name, wait)
		}
	}
}

func TestLimitsWithAHoleAreRefused(t *testing.T) {
	if err := DefaultLimits.Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	if (Limits{}).Check() == nil {
		t.Error("no limits at all are accepted")
	}
	for name, change := range map[string]func(*Limits){
		"bytes":          func(l *Limits) { l.Bytes = 0 },
		"messages":       func(l *Limits) { l.Messages = -1 },
		"intents":        func(l *Limits) { l.Intents = 0 },
		"burst":          func(l *Limits) { l.Burst = 0 },
		"a long burst":   func(l *Limits) { l.Burst = mostBurst + 1 },
		"connections":    func(l *Limits) { l.Connections = 0 },
		"unread":         func(l *Limits) { l.Unread = leastUnread - 1 },
		"too many bytes": func(l *Limits) { l.Bytes = mostRate + 1 },
	} {
		l := DefaultLimits
		change(&l)
		if l.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
