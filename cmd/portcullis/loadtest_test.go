package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/loadtest/scenario"
)

// TestLoadtestRunsProcesses runs a small load on a zone of real processes, and looks at everything that is left of it.
func TestLoadtestRunsProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("many processes for some seconds: in make test")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	stdout, stderr, exit := cli(t, "loadtest", "run", "--scenario", "steady", "--processes", "--enforcers", "2", "--k", "2",
		"--agents", "2", "--rate", "50", "--warmup", "200ms", "--duration", "1s", "--timeout", "1m",
		"--keep", at("kept"), "--json-file", at("result.json"), "--html", at("report.html"), "--profile", at("profile"))
	if exit != exitDone {
		t.Fatalf("exit %d: %s%s", exit, stdout, stderr)
	}
	var r result.Result
	data, err := os.ReadFile(at("result.json"))
	must(t, err)
	must(t, json.Unmarshal(data, &r))
	if !r.Holds() || r.Format != result.Format || len(r.Phases) != 1 || r.Phases[0].Sent != 50 {
		t.Errorf("got %+v", r)
	}
	processes := map[string]int{}
	for _, role := range r.Roles {
		processes[role.Name] = role.Processes
		if role.Memory == 0 {
			t.Errorf("%s has no memory", role.Name)
		}
	}
	for role, want := range map[string]int{"broker": 1, "enforcer": 2, "executor": 1, "sentinel": 1, "recorder": 1, "agents": 1} {
		if processes[role] != want {
			t.Errorf("%d processes of %s, want %d", processes[role], role, want)
		}
	}
	for _, name := range []string{"report.html", "profile/cpu.pprof", "profile/heap.pprof", "profile/trace.out"} {
		if info, err := os.Stat(at(name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if stdout, stderr, exit := cli(t, "--data", at("kept/data"), "audit", at("kept/"+engine.ExportFile), "--quiet"); exit != exitDone {
		t.Errorf("the export that was kept: exit %d: %s%s", exit, stdout, stderr)
	}
}

func TestLoadtestList(t *testing.T) {
	text, _, exit := cli(t, "loadtest", "list")
	lines, _, exitJSON := cli(t, "--json", "loadtest", "list")
	if exit != exitDone || exitJSON != exitDone {
		t.Fatalf("exit %d and %d", exit, exitJSON)
	}
	told := strings.Split(strings.TrimSpace(lines), "\n")
	for i, s := range scenario.All() {
		var line struct {
			Event, Name, Summary string
			Params               []result.Param
		}
		must(t, json.Unmarshal([]byte(told[i]), &line))
		if line.Event != "scenario" || line.Name != s.Name || line.Summary != s.Summary || len(line.Params) == 0 || !strings.Contains(text, s.Summary) {
			t.Errorf("%s is told as %+v", s.Name, line)
		}
	}
}

func TestLoadtestRefusesWhatMakesNoLoad(t *testing.T) {
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "file"), nil, 0o600))
	for name, tt := range map[string]struct {
		arguments []string
		says      string
	}{
		"no scenario":       {nil, "scenario"},
		"unknown":           {[]string{"--scenario", "stady"}, "steady"},
		"no such sync":      {[]string{"--scenario", "steady", "--sync", "often"}, "always"},
		"no agents":         {[]string{"--scenario", "steady", "--agents", "0"}, "agents"},
		"too many to agree": {[]string{"--scenario", "steady", "--enforcers", "1", "--k", "2"}, "--k"},
		"a folder in use":   {[]string{"--scenario", "steady", "--keep", full}, "not empty"},
	} {
		_, stderr, exit := cli(t, append([]string{"loadtest", "run"}, tt.arguments...)...)
		if exit != exitUsage || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit %d: %s", name, exit, stderr)
		}
	}
}

// TestLoadtestFlags: every parameter can be given, and what is not given is the scenario's.
func TestLoadtestFlags(t *testing.T) {
	var flags loadFlags
	c := &cobra.Command{}
	flags.register(c)
	kept, err := flags.over(engine.Defaults())
	must(t, err)
	if kept != engine.Defaults() {
		t.Errorf("with no flag: %+v", kept)
	}
	must(t, c.ParseFlags([]string{
		"--agents=2", "--tools=3", "--policies=5", "--enforcers=7", "--executors=6", "--k=4", "--list=9", "--outstanding=10", "--sync=always",
		"--replicas=3", "--cost-cpu=1ms", "--cost-sleep=2ms", "--argument-bytes=11", "--rate=12", "--poisson", "--warmup=13s", "--duration=14s",
		"--timeout=15s", "--seed=16", "--processes",
	}))
	got, err := flags.over(engine.Defaults())
	must(t, err)
	want := engine.Params{
		Agents: 2, Tools: 3, Policies: 5, Enforcers: 7, Executors: 6, K: 4, MaxList: 9, Outstanding: 10, Replicas: 3,
		Cost: engine.Cost{CPU: time.Millisecond, Sleep: 2 * time.Millisecond}, ArgumentBytes: 11, Rate: 12, Poisson: true,
		Warmup: 13 * time.Second, Duration: 14 * time.Second, Timeout: 15 * time.Second, Seed: 16, Processes: true,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestLoadtestFlood: a flood is measured and told, and one that is none is refused.
func TestLoadtestFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("a zone and some seconds of load: in make test")
	}
	// A second of load says nothing of p99; that the exit code follows what is told is what is tried.
	stdout, stderr, exit := cli(t, "--json", "loadtest", "flood", "--kinds", "small,connections", "--agents", "2", "--rate", "20", "--span", "1s", "--rounds", "1", "--relaxed")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	holds := true
	for i, kind := range []string{"small", "connections"} {
		if len(lines) != 2 {
			t.Fatalf("exit %d: %s%s", exit, stdout, stderr)
		}
		var told struct {
			Event, Kind  string
			Holds        bool
			Ratio        float64
			Quiet, Flood struct{ Asked, P50, P99 int }
		}
		must(t, json.Unmarshal([]byte(lines[i]), &told))
		holds = holds && told.Holds
		if told.Event != "flood" || told.Kind != kind || told.Ratio <= 0 || told.Quiet.Asked != 40 || told.Flood.Asked != 40 || told.Flood.P99 < told.Flood.P50 {
			t.Errorf("got %+v", told)
		}
	}
	if want := map[bool]int{true: exitDone, false: exitFindings}[holds]; exit != want {
		t.Errorf("exit %d, want %d: %s", exit, want, stderr)
	}
	for _, arguments := range [][]string{{"--kinds", "tsunami"}, {"--kinds", ""}, {"--rounds", "0"}, {"--agents", "0"}, {"--agent-bytes", "0"}} {
		if _, stderr, exit := cli(t, append([]string{"loadtest", "flood"}, arguments...)...); exit != exitUsage {
			t.Errorf("%v: exit %d: %s", arguments, exit, stderr)
		}
	}
}
