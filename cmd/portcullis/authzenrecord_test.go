package main

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuthZENRecords: with --record an evaluation stands on the ledger, decided by the
// zone's enforcers and done by nobody, and what they signed is the answer.
func TestAuthZENRecords(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	if _, stderr, exit := cli(t, "--data", data, "init", "--port", freePort(t), "--bank", freeAddress(t)); exit != exitDone {
		t.Fatal(stderr)
	}
	if _, stderr, exit := cli(t, "--data", data, "authzen", "serve", "--record"); exit != exitUsage || !strings.Contains(stderr, "--as") {
		t.Errorf("a record of nobody: exit %d: %s", exit, stderr)
	}
	serve(t, data, "up")
	address := freeAddress(t)
	serve(t, data, "authzen", "serve", "--record", "--as", "scout", "--listen", address, "--reasons")
	ask := func(agent string, amount string) string {
		body := `{"subject":{"type":"agent","id":"` + agent + `"},"action":{"name":"transfer","properties":{"amount":` + amount + `,"currency":"EUR"}},` +
			`"resource":{"type":"Account","id":"acme","properties":{"to":"acme"}}}`
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/access/v1/evaluation", strings.NewReader(body))
		must(t, err)
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		must(t, err)
		var d struct{ Decision *bool }
		if err := json.Unmarshal(text, &d); err != nil || response.StatusCode != http.StatusOK || d.Decision == nil {
			t.Fatalf("%s: %s", response.Status, text)
		}
		if *d.Decision {
			return "yes"
		}
		return "no"
	}
	for _, tt := range []struct{ agent, amount, want string }{
		{"scout", "250", "yes"}, {"scout", "2500", "no"}, {"mallory", "1", "no"}, {"scout", "250", "yes"},
	} {
		if got := ask(tt.agent, tt.amount); got != tt.want {
			t.Errorf("%s of %s: %s, want %s", tt.amount, tt.agent, got, tt.want)
		}
	}
	out, stderr, exit := cli(t, "--data", data, "lineage", "search", "--state", "evaluated")
	if exit != exitDone || strings.Count(out, "transfer") < 2 {
		t.Errorf("exit %d: %s%s", exit, out, stderr)
	}
	out, _, _ = cli(t, "--data", data, "tail", "--follow=false")
	if n := strings.Count(out, "for a decision only"); n != 3 || strings.Contains(out, "claim ") {
		t.Errorf("%d evaluations on the ledger, want 3 and no claim:\n%s", n, out)
	}
}
