package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/fabric"
)

// TestAskAFile: what lineage and prove say of an export and of an archive is what
// they say of the ledger, without a broker.
func TestAskAFile(t *testing.T) {
	flags := zoneToRead(t)
	f, err := fabric.Open(flags[1])
	must(t, err)
	dir := t.TempDir()
	file, archives, proof := filepath.Join(dir, "ledger.pcx"), filepath.Join(dir, "archives"), filepath.Join(dir, "a.proof")
	intent := told(t, flags, "--kind", "intent")[0].Intent.Digest
	live := func(arguments ...string) []string { return append(append([]string{}, flags...), arguments...) }
	done(t, live("prove", intent, "-o", proof, "--wait", "50s")...) // a checkpoint covers it
	done(t, live("export", "-o", file)...)
	done(t, live("archive", "--to", archives)...)
	offline := func(path string, arguments ...string) []string {
		return append(append([]string{"--data", filepath.Join(dir, "none")}, arguments...), "--file", path, "--anchor", f.Ledger.String())
	}
	var page history.Page
	must(t, json.Unmarshal([]byte(done(t, live("lineage", "search", "--format", "json")...)), &page))
	first := page.Intents[0]
	for _, ask := range [][]string{
		{"search", "--agent", "scout"},
		{"search", "--format", "json"},
		{"session", "scout", first.Session},
		{"intent", first.Digest, "--format", "dot"},
		{"key", first.Key},
		{"at", strings.TrimSuffix(first.Position, ".0"), "--agent", "scout"},
		{"release", "1"},
		{"whatif", "--release", "1"},
		{"whatif", "--release", narrowerSource(t, flags[1])},
	} {
		ask = append([]string{"lineage"}, ask...)
		want := done(t, live(ask...)...)
		for _, path := range []string{file, archives} {
			if got := done(t, offline(path, ask...)...); got != want {
				t.Errorf("%v of %s:\n%s\nwant\n%s", ask, path, got, want)
			}
		}
	}
	for _, path := range []string{file, archives} {
		again := filepath.Join(dir, filepath.Base(path)+".proof")
		done(t, offline(path, "prove", intent, "-o", again)...)
		if out := done(t, "verify", again, "--anchor", f.Ledger.String()); !strings.Contains(out, "is executed\n") {
			t.Errorf("verify: %s", out)
		}
		if out := done(t, offline(path, "prove", "1", "--tlog-proof")...); !strings.HasPrefix(out, "c2sp.org/tlog-proof@v1\n") {
			t.Errorf("a tlog-proof: %.80s", out)
		}
	}
	fileRefuses(t, flags, file)
}

// fileRefuses asks files that cannot answer.
func fileRefuses(t *testing.T, flags []string, file string) {
	t.Helper()
	part, cut := filepath.Join(t.TempDir(), "part.pcx"), filepath.Join(t.TempDir(), "cut.pcx")
	done(t, append(append([]string{}, flags...), "export", "-o", part, "--from", "5")...)
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.WriteFile(cut, text[:len(text)-9], 0o600))
	wrong := strings.Repeat("0", 63) + "1"
	data := []string{"--data", flags[1]}
	for _, test := range []struct {
		exit      int
		says      string
		arguments []string
	}{
		{exitError, "positions 1 to 4", []string{"--file", part}},
		{exitFindings, "cut off", []string{"--file", cut}},
		{exitError, "compare the anchor", []string{"--file", file, "--anchor", wrong}},
		{exitUsage, "name one with --file", []string{"--anchor", wrong}},
		{exitUsage, "name a file or a folder", []string{"--file", "-"}},
		{exitLocalState, "none.pcx", []string{"--file", "none.pcx"}},
	} {
		for _, command := range [][]string{{"prove", "1"}, {"lineage", "search"}} {
			if out, stderr, exit := cli(t, append(append(append([]string{}, data...), command...), test.arguments...)...); exit != test.exit || !strings.Contains(stderr, test.says) {
				t.Errorf("%v %v: exit %d, want %d: %s%s", command, test.arguments, exit, test.exit, out, stderr)
			}
		}
	}
	if out, _, exit := cli(t, append(data, "audit", part)...); exit != exitFindings || !strings.Contains(out, "export.range") {
		t.Errorf("a range is taken for a whole ledger: exit %d: %s", exit, out)
	}
	if out := done(t, append(data, "audit", part, "--allow-range")...); !strings.HasPrefix(out, "a range, clean") {
		t.Errorf("a range: %s", out)
	}
	for _, command := range [][]string{{"prove", strings.Repeat("0", 64)}, {"lineage", "intent", strings.Repeat("0", 64)}} {
		if _, stderr, exit := cli(t, append(append(append([]string{}, data...), command...), "--file", file)...); exit != exitError || stderr == "" {
			t.Errorf("%v: exit %d: %s", command, exit, stderr)
		}
	}
}
