package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/loadtest/peers"
)

// TestLoadtestPeersSkips runs the comparison without the peers' programs: it says for each why, and measures the rest.
func TestLoadtestPeersSkips(t *testing.T) {
	if testing.Short() {
		t.Skip("many zones one after another: in make test")
	}
	dir := t.TempDir()
	document, file := filepath.Join(dir, "performance.md"), filepath.Join(dir, "result.json")
	must(t, os.WriteFile(document, []byte("before\n"+peers.MarkBegin+"\n"+peers.MarkEnd+"\nafter\n"), 0o600))
	stdout, stderr, exit := cli(t, "loadtest", "peers", "--skip-external", "this machine has none", "--for", "200ms",
		"--policies", "2", "--outstanding", "2", "--markdown", document, "--json-file", file)
	if exit != exitDone || strings.Count(stdout, "skipped: this machine has none") != 2 {
		t.Fatalf("exit %d: %s%s", exit, stdout, stderr)
	}
	data, err := os.ReadFile(file)
	must(t, err)
	var r peers.Result
	must(t, json.Unmarshal(data, &r))
	measured := map[string]int{}
	for _, d := range r.Decisions {
		if d.Count > 0 && d.PerSecond > 0 {
			measured[d.Engine]++
		}
	}
	if !r.Holds() || measured[peers.DirectCall] != 1 || measured[peers.Singles] != 2 || measured[peers.Lists] != 2 || measured[peers.OPA] != 0 || len(r.Flows) != 8 {
		t.Errorf("got %v, %d flows: %+v", measured, len(r.Flows), r)
	}
	text, err := os.ReadFile(document)
	must(t, err)
	if !strings.HasPrefix(string(text), "before\n") || !strings.HasSuffix(string(text), "after\n") || !strings.Contains(string(text), "- cerbos: skipped: this machine has none") {
		t.Errorf("got %s", text)
	}
}

func TestLoadtestPeersUsage(t *testing.T) {
	for name, arguments := range map[string][]string{
		"neither programs nor a reason": {},
		"a reason that says nothing":    {"--skip-external", " "},
		"both":                          {"--skip-external", "x", "--programs", "x"},
		"programs that are not there":   {"--programs", t.TempDir()},
		"no policies":                   {"--skip-external", "x", "--policies", "0"},
		"no time":                       {"--skip-external", "x", "--for", "0s"},
	} {
		stdout, stderr, exit := cli(t, append([]string{"loadtest", "peers"}, arguments...)...)
		if exit != exitUsage {
			t.Errorf("%s: exit %d: %s%s", name, exit, stdout, stderr)
		}
	}
}
