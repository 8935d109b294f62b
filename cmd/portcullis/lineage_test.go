package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/zone"
)

// TestLineage asks a zone with one executed and one denied transfer everything.
func TestLineage(t *testing.T) {
	flags := zoneToRead(t)
	ask := func(arguments ...string) string {
		t.Helper()
		stdout, stderr, exit := cli(t, append(append(flags, "lineage"), arguments...)...)
		if exit != exitDone {
			t.Fatalf("%v: exit %d: %s", arguments, exit, stderr)
		}
		return stdout
	}
	read := func(into any, arguments ...string) {
		t.Helper()
		must(t, json.Unmarshal([]byte(ask(append(arguments, "--format", "json")...)), into))
	}
	holds := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in:\n%s", part, text)
			}
		}
	}
	var page history.Page
	read(&page, "search", "--agent", "scout", "--tool", "transfer")
	if page.Total != 2 || page.Intents[0].State == page.Intents[1].State {
		t.Fatalf("%+v", page)
	}
	executed, denied := page.Intents[0], page.Intents[1]
	if executed.State != history.StateExecuted {
		executed, denied = denied, executed
	}
	if executed.State != history.StateExecuted || denied.State != history.StateDenied || denied.Verdict != "DENY" {
		t.Fatalf("%s and %s", executed.State, denied.State)
	}
	holds(ask("search", "--state", "denied", "--by", denied.Decisions[0].By), denied.Position, "1 of 1 intent\n")
	holds(ask("search", "--limit", "1"), "1 of 2 intents", "next page: --after ")
	holds(ask("search", "--verdict", "allow", "--from", "2001-01-01T00:00:00Z", "--key", executed.Key[:12]), executed.Position, "1 of 1 intent\n")
	holds(ask("session", "scout", executed.Session), "session "+executed.Session, executed.Position, "transfer acme")
	holds(ask("intent", executed.Digest[:12]), executed.Digest, "EXECUTED under claim", "causes", "effects", "└─ none")
	holds(ask("intent", denied.ID, "--ancestors", "--format", "dot"), "digraph lineage {", `"`+denied.Digest+`" [label=`)
	holds(ask("release", "1"), ": release 1", "2 of 2 intents")
	holds(ask("key", executed.Claims[0].By), executed.Claims[0].By, "1 of 1 intent\n")
	holds(ask("key", executed.Key[:8]), executed.Key, "2 of 2 intents")
	holds(ask("at", executed.LogTime.UTC().Format("2006-01-02T15:04:05.999999999Z")), "release  1", "scout", "may ask")
	var standing zone.StandingAt
	last := strings.TrimSuffix(executed.Outcomes[0].Position, ".0")
	read(&standing, "at", last, "--agent", "scout")
	if standing.Release.Version != 1 || len(standing.Sessions) == 0 || len(standing.Limits) == 0 || standing.Blind {
		t.Errorf("%+v", standing)
	}
	var same, narrower zone.WhatIf
	read(&same, "whatif", "--release", "1", executed.Position)
	if same.Compared != 1 || len(same.Rounds) != 1 || !same.Rounds[0].Same || same.Rounds[0].Before.Verdict != "ALLOW" {
		t.Errorf("%+v", same)
	}
	read(&narrower, "whatif", "--release", narrowerSource(t, flags[1]))
	if narrower.Compared != 2 || narrower.Counts[zone.ChangeNarrowed] != 1 || len(narrower.Rounds) != 2 || // the limit was used by what it denies
		narrower.Rounds[0].Position != executed.Position {
		t.Errorf("%+v", narrower)
	}
	holds(ask("whatif", "--release", "1"), "decided 2 recorded decisions again: 0 deny→allow")
	lineageRefuses(t, flags)
}

// narrowerSource is the release's source where 250 may not be transferred.
func narrowerSource(t *testing.T, data string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "narrower")
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(data, "release"))))
	replaceIn(t, filepath.Join(dir, "policies", "money.cedar"), "amount <= 1000", "amount <= 100")
	return dir
}

// lineageRefuses asks what cannot be answered.
func lineageRefuses(t *testing.T, flags []string) {
	t.Helper()
	for name, tt := range map[string]struct {
		exit      int
		arguments []string
	}{
		"no such format":    {exitUsage, []string{"search", "--format", "svg"}},
		"no graph":          {exitUsage, []string{"at", "1", "--format", "dot"}},
		"no question":       {exitUsage, []string{"intent", "nonsense"}},
		"no such intent":    {exitError, []string{"intent", strings.Repeat("0", 64)}},
		"no such session":   {exitError, []string{"session", "scout", "none"}},
		"no such release":   {exitError, []string{"release", "7"}},
		"no release at all": {exitUsage, []string{"release", "first"}},
		"beyond the end":    {exitUsage, []string{"at", "999999"}},
		"before all":        {exitUsage, []string{"at", "2001-01-01T00:00:00Z"}},
		"no time":           {exitUsage, []string{"at", "yesterday"}},
		"no state":          {exitUsage, []string{"search", "--state", "happy"}},
		"no candidate":      {exitUsage, []string{"whatif"}},
		"nobody":            {exitUsage, []string{"key", "spiffe://nobody"}},
		"no such key":       {exitError, []string{"key", strings.Repeat("0", 64)}},
		"negative depth":    {exitUsage, []string{"intent", "1", "--depth", "-1"}},
		"too much":          {exitError, []string{"search", "--remember", "1"}},
	} {
		if _, stderr, exit := cli(t, append(append(flags, "lineage"), tt.arguments...)...); exit != tt.exit || !strings.Contains(stderr, "mend: ") {
			t.Errorf("%s: exit %d, want %d: %s", name, exit, tt.exit, stderr)
		}
	}
}
