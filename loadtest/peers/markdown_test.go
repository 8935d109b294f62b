package peers

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// figures is a result whose figures are n times what they might be.
func figures(n int) *Result {
	d := func(who, sync string, policies, perSecond int) Decisions {
		return Decisions{
			Engine: who, Sync: sync, Policies: policies, Outstanding: 64, Count: 1, PerSecond: float64(perSecond * n),
			Latency: result.Stage{P50: time.Millisecond, P99: time.Second}, ServerCPU: time.Duration(policies * n), ClientCPU: time.Duration(n),
		}
	}
	return &Result{
		Begun: time.Unix(0, 0).UTC(), For: time.Second, Machine: result.Machine{CPU: "a <fast> one | two", Go: "go1"},
		Programs:  append(Skip("a | reason"), Program{Name: DirectCall, Command: "portcullis"}),
		Tasks:     []TaskFacts{{1, 13, 0.2}, {1000, 13, 0.8}},
		Decisions: []Decisions{d(OPA, "", 1, 100), d(Lists, syncRelaxed, 1, 150), d(OPA, "", 1000, 100), d(Lists, syncRelaxed, 1000, 250)},
		Flows:     []Flow{{Who: Bare, Sync: syncRelaxed, Outstanding: 64, PerSecond: float64(10 * n)}, {Who: Singles, Sync: syncRelaxed, Outstanding: 64, PerSecond: float64(5 * n)}},
		Expected:  []result.Check{{What: "all", Found: "all", Holds: true}},
	}
}

// TestInsert: what stands outside of the marks stays, and a second run replaces the first.
func TestInsert(t *testing.T) {
	const before, after = "# Title\n\nwords\n", "\nmore words\n"
	document := []byte(before + MarkBegin + "\nold\n" + MarkEnd + "\n" + after)
	once, err := Insert(document, figures(1))
	if err != nil {
		t.Fatal(err)
	}
	text := string(once)
	if !strings.HasPrefix(text, before+MarkBegin+"\n") || !strings.HasSuffix(text, MarkEnd+"\n"+after) || strings.Contains(text, "old") {
		t.Errorf("got %s", text)
	}
	again, err := Insert(once, figures(1))
	if err != nil || string(again) != text {
		t.Errorf("the same result again: %v\n%s", err, again)
	}
	other, err := Insert(once, figures(3))
	if err != nil || string(other) == text {
		t.Errorf("another result: %v, changed %v", err, string(other) != text)
	}
	if a, b := words(text), words(string(other)); a != b {
		t.Errorf("another run changes more than figures:\n%s\n%s", a, b)
	}
}

// words is a text without its figures.
func words(s string) string {
	s = regexp.MustCompile(`[\d,.]+ ?(ns|µs|ms|s\b)?`).ReplaceAllString(s, "#")
	return regexp.MustCompile(`\| (yes|no) \|`).ReplaceAllString(s, "| ? |")
}

// TestInsertRefuses documents without one place for the result.
func TestInsertRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"no marks":        "words\n",
		"no end":          MarkBegin + "\n",
		"no begin":        MarkEnd + "\n",
		"the wrong way":   MarkEnd + "\n" + MarkBegin + "\n",
		"two begins":      MarkBegin + "\n" + MarkBegin + "\n" + MarkEnd + "\n",
		"two ends":        MarkBegin + "\n" + MarkEnd + "\n" + MarkEnd + "\n",
		"within one line": "words " + MarkBegin + " words " + MarkEnd + " words\n",
	} {
		if _, err := Insert([]byte(document), figures(1)); !errors.Is(err, errMarks) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMarkdown: cells stay cells, skipped peers say why, and ratios are of the same load.
func TestMarkdown(t *testing.T) {
	text := Markdown(figures(1))
	for _, want := range []string{
		"- machine: a &lt;fast> one \\| two · go1",
		"- opa: skipped: a \\| reason",
		"- policies 1,000: 13 questions, 80 % of them allowed",
		"| governed, lists | relaxed | 1,000 | 64 | 250 | ×2.50 |",
		"| governed, lists, sync relaxed: at least twice OPA's decisions (1,000 policies, 64 outstanding) | ×2.50: 250/s of 100/s | yes |",
		"| governed, single | relaxed | 64 | 5.00 | ×0.50 | – |",
		"costs at most 1.5 times one under 1 | ×500 | no |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|\n") {
			t.Errorf("a broken row: %s", line)
		}
	}
}

// TestHolds: a result of nothing, or with a check that fails, does not hold; both reports say so.
func TestHolds(t *testing.T) {
	good, bad := figures(1), figures(1)
	bad.Expected[0].Holds = false
	for _, tt := range []struct {
		r    *Result
		want bool
		says string
	}{{good, true, "HOLDS: peers"}, {bad, false, "failed: all; found: all"}, {&Result{}, false, "nothing was measured"}} {
		var b strings.Builder
		if err := Text(&b, tt.r); err != nil || tt.r.Holds() != tt.want || !strings.Contains(b.String(), tt.says) {
			t.Errorf("holds %v, %v:\n%s", tt.r.Holds(), err, b.String())
		}
	}
}
