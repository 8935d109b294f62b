package engine

import (
	"testing"
	"time"
)

// TestSecondsAreSummedUp: each second's quantiles are told, and only the newest seconds
// are held in full.
func TestSecondsAreSummedUp(t *testing.T) {
	begun := time.Unix(1000, 0)
	const seconds = 60
	r := newRecording(begun, seconds*time.Second)
	for i := range seconds {
		at := begun.Add(time.Duration(i)*time.Second + time.Millisecond)
		for range 100 {
			r.tells(trace{intended: at, sent: at, answered: at.Add(time.Duration(i+1) * time.Millisecond), fate: fate{final: true}})
		}
	}
	held := 0
	for _, s := range r.seconds {
		if s.latency.h != nil {
			held++
		}
	}
	if held > openSeconds+1 {
		t.Errorf("%d seconds are held in full", held)
	}
	late := begun.Add(500 * time.Millisecond) // told long after it came
	r.tells(trace{intended: late, sent: late, answered: late.Add(time.Second / 4), fate: fate{final: true}})
	p := r.phase("load", 100, 0)
	if len(p.Series) != seconds || p.Stages[len(p.Stages)-1].Samples != seconds*100+1 {
		t.Fatalf("%d seconds, %d answers", len(p.Series), p.Stages[len(p.Stages)-1].Samples)
	}
	for i, point := range p.Series {
		want := time.Duration(i+1) * time.Millisecond
		if off := point.P99 - want; off < -want/100 || off > want/100 || point.Answered < 100 {
			t.Errorf("second %d: p99 %v of %d, want about %v", i, point.P99, point.Answered, want)
		}
	}
	if p.Series[0].Answered != 101 {
		t.Errorf("the first second has %d answers", p.Series[0].Answered)
	}
}
