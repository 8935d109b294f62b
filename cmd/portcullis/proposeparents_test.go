package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/history"
)

// TestProposeNamesParents: an intent names those that led to it, of any agent, by
// digest, id or position, and nothing is proposed that names what is no intent.
func TestProposeNamesParents(t *testing.T) {
	flags := zoneToRead(t)
	search := func(agent string) (page history.Page) {
		t.Helper()
		stdout, stderr, exit := cli(t, append(flags, "--json", "lineage", "search", "--agent", agent)...)
		if exit != exitDone {
			t.Fatalf("exit %d: %s", exit, stderr)
		}
		must(t, json.Unmarshal([]byte(stdout), &page))
		return page
	}
	propose := func(parents ...string) (stderr string, exit int) {
		t.Helper()
		command := append(flags, "propose", "--as", "mallory", "--tool", "file-read", "--resource", "public/a.txt", "--arg", "path=public/a.txt", "--timeout", "50s")
		for _, p := range parents {
			command = append(command, "--parent", p)
		}
		_, stderr, exit = cli(t, command...)
		return stderr, exit
	}
	for name, tt := range map[string]struct {
		exit    int
		says    string
		parents []string
	}{
		"no intent's name":   {exitUsage, "position (17 or 17.0)", []string{"nonsense"}},
		"one of two":         {exitUsage, "position (17 or 17.0)", []string{strings.Repeat("a", 64), "nonsense"}},
		"another's position": {exitError, "no such intent on the ledger: 1\n", []string{"1"}},
		"beyond the end":     {exitError, "no such intent on the ledger: 999999", []string{"999999"}},
		"no such id":         {exitError, "no such intent on the ledger: 0192", []string{"01920000-0000-7000-8000-000000000000"}},
		"too many":           {exitUsage, "at most 16", slices.Repeat([]string{strings.Repeat("a", 64)}, 17)},
	} {
		if stderr, exit := propose(tt.parents...); exit != tt.exit || !strings.Contains(stderr, "mend: ") || !strings.Contains(stderr, tt.says) {
			t.Errorf("%s: exit %d, want %d: %s", name, exit, tt.exit, stderr)
		}
	}
	if page := search("mallory"); page.Total != 0 {
		t.Fatalf("proposed all the same: %+v", page.Intents)
	}
	of := search("scout").Intents
	nowhere := strings.Repeat("a", 64)
	if stderr, exit := propose(of[0].Position, of[0].Decisions[0].Position, of[1].ID, of[1].Digest[:12], nowhere); exit != exitDone {
		t.Fatalf("exit %d: %s", exit, stderr)
	}
	want := []string{of[0].Digest, of[0].Digest, of[1].Digest, of[1].Digest, nowhere}
	if page := search("mallory"); page.Total != 1 || !slices.Equal(page.Intents[0].Parents, want) {
		t.Errorf("%+v, want the parents %v", page.Intents, want)
	}
}
