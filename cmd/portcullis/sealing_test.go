package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// TestSealingKeys: what a person sees who makes, lists and erases a sealing key
// on one machine. Nothing secret is printed.
func TestSealingKeys(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	sealing := func(want int, arguments ...string) string {
		t.Helper()
		out, stderr, exit := cli(t, append([]string{"--data", data}, arguments...)...)
		if exit != want || strings.Contains(out+stderr, "PRIVATE") {
			t.Fatalf("%v: exit %d, want %d: %s%s", arguments, exit, want, out, stderr)
		}
		return out + stderr
	}
	sealing(exitDone, "init", "--port", freePort(t), "--bank", freeAddress(t))
	if out := sealing(exitDone, "keys", "sealing"); out != "" {
		t.Errorf("keys before any was made:\n%s", out)
	}
	if out := sealing(exitDone, "keys", "sealing", "new", "k1"); !strings.Contains(out, "a new pair") || !strings.Contains(out, "e1") || !strings.Contains(out, "x1") {
		t.Errorf("new:\n%s", out)
	}
	var again struct {
		Event     string   `json:"event"`
		Made      bool     `json:"made"`
		Written   []string `json:"written"`
		Elsewhere []any    `json:"elsewhere"`
	}
	must(t, json.Unmarshal([]byte(sealing(exitDone, "--json", "keys", "sealing", "new", "k1")), &again))
	if again.Event != "sealing_key" || again.Made || again.Written == nil || again.Elsewhere == nil || len(again.Written) > 0 {
		t.Errorf("again: %+v", again)
	}
	var listed sealingLine
	must(t, json.Unmarshal([]byte(sealing(exitDone, "--json", "keys", "sealing")), &listed))
	if listed.ID != "k1" || listed.Listed || len(listed.Holders) != 2 || !listed.Holders[0].Holds || !listed.Holders[1].Holds {
		t.Errorf("listed: %+v", listed)
	}
	if out := sealing(exitDone, "keys", "sealing", "erase", "k1"); !strings.Contains(out, "2 files erased") || !strings.Contains(out, "backups") {
		t.Errorf("erase:\n%s", out)
	}
	if out := sealing(exitDone, "keys", "sealing"); out != "" {
		t.Errorf("keys after the only one was erased:\n%s", out)
	}
	sealing(exitUsage, "propose", "--as", "scout", "--tool", "file-read", "--resource", "x", "--arg", "path=x", "--seal", "k1")
	sealing(exitUsage, "keys", "sealing", "mistyped")
}
