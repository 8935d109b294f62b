package executor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// order is everybody's names, by their turn for an intent.
func order(t interface{ Fatalf(string, ...any) }, intent trust.Digest, names []string) []string {
	all := make([]string, len(names))
	for _, name := range names {
		turn := rank(intent, name, names)
		if turn < 0 || turn >= len(names) || all[turn] != "" {
			t.Fatalf("%s has turn %d of %d, taken by %q", name, turn, len(names), all[turn])
		}
		all[turn] = name
	}
	return all
}

// TestRank: each executor has a turn of its own, whatever the order of the
// directory; one that leaves moves nobody past another.
func TestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "executors")
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("x%d", i)
		}
		intent := trust.DigestOf([]byte(rapid.String().Draw(t, "intent")))
		all := order(t, intent, names)
		shuffled := rapid.Permutation(names).Draw(t, "shuffled")
		if again := order(t, intent, shuffled); !slices.Equal(again, all) {
			t.Fatalf("turns %v in one directory and %v in another", all, again)
		}
		gone := rapid.SampledFrom(names).Draw(t, "gone")
		left := slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == gone })
		want := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == gone })
		if got := order(t, intent, left); !slices.Equal(got, want) {
			t.Fatalf("without %s the turns are %v, want %v", gone, got, want)
		}
		if turn := rank(intent, gone, left); turn != -1 {
			t.Fatalf("%s is not among them and has turn %d", gone, turn)
		}
	})
}

func TestFirstTurnsAreSharedEvenly(t *testing.T) {
	names := []string{"x1", "x2", "x3", "x4"}
	const intents = 8000
	first := map[string]int{}
	for i := range intents {
		first[order(t, trust.DigestOf(fmt.Append(nil, i)), names)[0]]++
	}
	for _, name := range names {
		if share := first[name]; share < 1800 || share > 2200 { // 2000 ± 5 standard deviations
			t.Errorf("%s is first for %d of %d intents, want about a quarter", name, share, intents)
		}
	}
}

func TestTheBootClockRuns(t *testing.T) {
	before := bootClock()
	if before < 0 {
		t.Fatal("the boot clock cannot be read")
	}
	for range 1000 {
		now := bootClock()
		if now < before {
			t.Fatalf("the boot clock went from %v to %v", before, now)
		}
		before = now
	}
}

func TestWordsForPeopleAreFitToTravel(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"short":            {"it failed", "it failed"},
		"not UTF-8":        {"a\xffb", "ab"},
		"long":             {strings.Repeat("a", maxExplanation+1), strings.Repeat("a", maxExplanation)},
		"cut in character": {strings.Repeat("a", maxExplanation-1) + "é", strings.Repeat("a", maxExplanation-1)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := forPeople(tt.text); got != tt.want || !utf8.ValidString(got) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestWaitingStaysInProportion(t *testing.T) {
	var w waiting
	alive := func(d *pb.Decision) bool { return d.GetRound()%100 != 0 } // one in a hundred has hope
	const n = 100_000
	for i := range uint32(n) {
		w.add(&pb.Decision{Round: i}, alive)
		if w.len() > 2*int(i)/100+leastSweep+2 {
			t.Fatalf("%d wait after %d were added", w.len(), i+1)
		}
	}
	last, hopeful := -1, 0
	for !w.empty() {
		d := w.take()
		if int(d.GetRound()) <= last {
			t.Fatalf("%d after %d", d.GetRound(), last)
		}
		last = int(d.GetRound())
		if last%100 == 0 {
			hopeful++
		}
	}
	if hopeful != n/100 {
		t.Errorf("%d that had hope are left, want %d", hopeful, n/100)
	}
}
