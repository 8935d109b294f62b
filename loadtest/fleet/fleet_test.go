package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/fleet"
)

// TestAFleetFoldsEveryHalt runs small fleets, connections shared and not, and demands every figure.
func TestAFleetFoldsEveryHalt(t *testing.T) {
	dir, profiles := filepath.Join(t.TempDir(), "fleet"), filepath.Join(t.TempDir(), "profiles")
	r, err := fleet.Run(t.Context(), fleet.Config{Sizes: []int{4, 20}, Halts: 3, PerConnection: 4, Beat: time.Second, Dir: dir, Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Holds() || len(r.Sizes) != 2 {
		t.Fatalf("%d sizes; %+v", len(r.Sizes), r.Expected)
	}
	for _, s := range r.Sizes {
		h, m, b := s.Halts, s.Memory, s.Beaters
		if h.Count != 3 || h.Folded != s.Followers || h.Each.Samples != uint64(3*s.Followers) || h.Arrived.Samples != h.Each.Samples || h.Last.Samples != 3 {
			t.Errorf("%d followers: halts %+v", s.Followers, h)
		}
		if h.Arrived.Max > h.Each.Max || h.Each.Max != h.Last.Max || h.Own <= 0 {
			t.Errorf("%d followers: arrived %v, folded %v, last %v, alone %v", s.Followers, h.Arrived.Max, h.Each.Max, h.Last.Max, h.Own)
		}
		if m.Heap <= 0 || m.Goroutines < 1 || m.CaughtUp <= 0 || m.Total == 0 || len(m.Parts) == 0 {
			t.Errorf("%d followers: memory %+v", s.Followers, m)
		}
		if b.Count != s.Followers || b.Heard != b.Count || b.Refused != 0 || b.Interval <= 0 || b.Asked <= 0 || b.Sent <= 0 || b.Acked <= 0 || b.Folded <= 0 || b.Age.Samples == 0 {
			t.Errorf("%d beaters: %+v", b.Count, b)
		}
		if b.Broker <= 0 || b.Fold <= 0 || b.Introduced <= 0 || b.Start <= 0 {
			t.Errorf("%d beaters: capacity %v and %v, introduced after %v, start %v", b.Count, b.Broker, b.Fold, b.Introduced, b.Start)
		}
	}
	for _, name := range []string{"heap-4.pprof", "heap-20.pprof"} {
		if info, err := os.Stat(filepath.Join(profiles, name)); err != nil || info.Size() == 0 {
			t.Errorf("profile: %v", err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v behind (%v)", left, err)
	}
	shown(t, r)
}

// shown demands that every form of a result can be read.
func shown(t *testing.T, r *fleet.Result) {
	t.Helper()
	var text, page bytes.Buffer
	if err := errors.Join(fleet.Text(&text, r), fleet.HTML(&page, r)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"HOLDS: fleet", "\nHalts\n", "\nMemory\n", "\nHeartbeats\n", "\nGrowth\n", "4, 20"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	if n := strings.Count(page.String(), "<svg "); n != 3 {
		t.Errorf("the page has %d drawings, want 3", n)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var again fleet.Result
	if err := json.Unmarshal(data, &again); err != nil || !again.Holds() || again.Format != fleet.Format {
		t.Errorf("the JSON comes back as %+v (%v)", again, err)
	}
}

func TestAQuietFleetFoldsEveryHalt(t *testing.T) {
	r, err := fleet.Run(t.Context(), fleet.Config{Sizes: []int{6}, Halts: 1, Beaters: 2, Beat: time.Second, Quiet: true, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Holds() || r.Sizes[0].Halts.Folded != 6 || r.Sizes[0].Beaters.Count != 2 {
		t.Errorf("%+v", r)
	}
}

func TestWhatCannotBeRunIsRefused(t *testing.T) {
	for name, cfg := range map[string]fleet.Config{
		"nothing":        {},
		"no folder":      {Sizes: []int{1}},
		"no size":        {Dir: "x"},
		"size zero":      {Dir: "x", Sizes: []int{0}},
		"descending":     {Dir: "x", Sizes: []int{10, 5}},
		"twice the same": {Dir: "x", Sizes: []int{10, 10}},
		"too many":       {Dir: "x", Sizes: []int{1_000_000}},
		"too many halts": {Dir: "x", Sizes: []int{1}, Halts: 100_000},
		"beaters":        {Dir: "x", Sizes: []int{1}, Beaters: -1},
		"connections":    {Dir: "x", Sizes: []int{1}, PerConnection: -1},
		"time":           {Dir: "x", Sizes: []int{1}, Beat: -time.Second},
	} {
		if r, err := fleet.Run(t.Context(), cfg); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if _, err := os.Stat("x"); !errors.Is(err, os.ErrNotExist) {
		t.Error("what is refused made a folder")
	}
}

func TestItEndsWhenItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := fleet.Run(ctx, fleet.Config{Sizes: []int{2}, Dir: t.TempDir()}); err == nil {
		t.Errorf("%+v", r)
	}
}
