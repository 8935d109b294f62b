package projection

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

// TestALedgerThatCannotBeReachedIsUnknown: nobody is shown an empty history in its place.
func TestALedgerThatCannotBeReachedIsUnknown(t *testing.T) {
	tried := make(chan struct{}, 8)
	p := New(Config{Fabric: &fabric.Fabric{}, Connect: func(context.Context) (*streams.Conn, error) {
		tried <- struct{}{}
		return nil, errors.New("nobody is there")
	}})
	unable := func(why string) {
		t.Helper()
		var problem *surface.Problem
		err := p.Look(t.Context(), func(*View) error { t.Error("a view of nothing"); return nil })
		if !errors.As(err, &problem) || problem.Status != http.StatusServiceUnavailable || problem.Detail != why {
			t.Errorf("%v, want %q", err, why)
		}
	}
	if len(tried) != 0 {
		t.Error("it connects before anybody asks")
	}
	unable("nobody is there")
	unable("nobody is there") // within the pause: the same answer, not another attempt
	if len(tried) != 1 {
		t.Errorf("%d attempts, want 1", len(tried))
	}
	p.Close()
	unable("the console ends")
}

func TestTimesArePositions(t *testing.T) {
	v := &View{times: []int64{10, 10, 20}}
	for at, want := range map[int64]uint64{9: 0, 10: 2, 19: 2, 20: 3, 99: 3} {
		if got := v.PositionAt(time.Unix(0, at)); got != want {
			t.Errorf("at %d: position %d, want %d", at, got, want)
		}
	}
	for _, at := range []uint64{0, 4} {
		if _, known := v.LogTimeAt(at); known {
			t.Errorf("position %d has a time", at)
		}
	}
	if got, known := v.LogTimeAt(3); !known || got.UnixNano() != 20 {
		t.Errorf("%v, %v", got, known)
	}
}
