package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/story"
)

// TestDemo tells the story with real processes; testdata/demo.txt is how it reads.
func TestDemo(t *testing.T) {
	out, stderr, exit := cli(t, "demo")
	if exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	golden(t, "demo.txt", regexp.MustCompile(`\b\d+\.0\b`).ReplaceAllString(out, "AT"))
}

// TestDemoOnDataFolder: the story on a stopped zone, as JSON.
func TestDemoOnDataFolder(t *testing.T) {
	out, stderr, exit := cli(t, "--json", "--data", newZone(t), "demo")
	if exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	steps := 0
	for line := range strings.Lines(out) {
		var s story.Step
		must(t, json.Unmarshal([]byte(line), &s))
		if s.Number != "" {
			steps++
		}
		if len(s.Faults) > 0 {
			t.Error(line)
		}
	}
	if !strings.Contains(out, `{"event":"told","steps":14}`) || steps != 14 {
		t.Errorf("%d steps: %s", steps, out)
	}
}

// TestDemoNotAsTold: a story that does not come out as told says so. The policy
// is changed to allow what step 4 says is refused.
func TestDemoNotAsTold(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	release := templateOf(t, "release.yaml", "directory.yaml", "tools.yaml", "limits.yaml", "policies/files.cedar", "policies/money.cedar")
	money := release["policies/money.cedar"]
	money.Data = []byte(strings.ReplaceAll(string(money.Data), "<= 1000", "<= 9000"))
	release["limits.yaml"].Data = []byte("limits: []\n")
	createFabric(t, data, release)
	must(t, os.CopyFS(filepath.Join(data, "files"), os.DirFS(filepath.Join("..", "..", "fabric", "template", "files"))))
	out, stderr, exit := cli(t, "--data", data, "demo")
	if exit != exitError || !strings.Contains(out, "NOT AS TOLD: it was to be refused") || !strings.Contains(stderr, "not as told") {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	if !strings.Contains(out, "NOT AS TOLD: the bank's books are") {
		t.Errorf("the demo did not notice the second transfer: %s", out)
	}
}

// TestDemoRecords: with --records each position that a step names was told before the
// step was over, as a record of that step or of an earlier one.
func TestDemoRecords(t *testing.T) {
	out, stderr, exit := cli(t, "--json", "demo", "--records")
	if exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, out, stderr)
	}
	var outline, begun, over []string
	told := map[string]string{} // by position: the step
	for line := range strings.Lines(out) {
		var e struct {
			Event string          `json:"event"`
			Steps json.RawMessage `json:"steps"` // headings; at the end their number
			story.Record
		}
		must(t, json.Unmarshal([]byte(line), &e))
		switch e.Event {
		case "outline":
			var headings []story.Heading
			must(t, json.Unmarshal(e.Steps, &headings))
			for _, s := range headings {
				outline = append(outline, s.Number)
			}
		case "begins":
			begun = append(begun, e.Step)
		case "record":
			if e.Step != begun[len(begun)-1] || len(e.Raw.Data) == 0 || e.Raw.Seq == 0 {
				t.Errorf("during step %s: %s", begun[len(begun)-1], line)
			}
			for _, l := range e.Lines {
				told[l.Position.String()] = e.Step
			}
		case "":
			var s story.Step
			must(t, json.Unmarshal([]byte(line), &s))
			over = append(over, s.Number)
			for _, p := range s.Ledger {
				if told[p.At] == "" {
					t.Errorf("step %s names %s %s, which nobody told", s.Number, p.What, p.At)
				}
			}
		}
	}
	if len(outline) != 14 || !slices.Equal(outline, begun) || !slices.Equal(outline, over) {
		t.Errorf("told are %v, begun %v, over %v", outline, begun, over)
	}
}
