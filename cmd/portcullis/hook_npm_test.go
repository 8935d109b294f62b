//go:build npm

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// model stands in for the one that Claude Code asks: it wants one command line run
// after the other, and keeps what it is told of each.
type model struct {
	lines   []string
	answers []string
}

// message is what is read of a message of the Messages API. Content is a text, or a
// list of parts.
type message struct {
	Content json.RawMessage `json:"content"`
}

func (m *model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	var asked struct {
		Messages []message         `json:"messages"`
		Tools    []json.RawMessage `json:"tools"`
	}
	if err != nil || r.URL.Path != "/v1/messages" || json.Unmarshal(raw, &asked) != nil {
		http.NotFound(w, r)
		return
	}
	var results []string
	for _, one := range asked.Messages {
		var parts []struct {
			Type    string          `json:"type"`
			Content json.RawMessage `json:"content"`
		}
		if json.Unmarshal(one.Content, &parts) != nil {
			continue // a text
		}
		for _, p := range parts {
			if p.Type == "tool_result" {
				results = append(results, string(p.Content))
			}
		}
	}
	if len(asked.Tools) == 0 || len(results) >= len(m.lines) {
		m.answers = results
		say(w, `{"type":"text","text":""}`, `{"type":"text_delta","text":"done"}`, "end_turn")
		return
	}
	input, _ := json.Marshal(map[string]string{"command": m.lines[len(results)]}) // texts have a JSON form
	delta, _ := json.Marshal(map[string]string{"type": "input_json_delta", "partial_json": string(input)})
	say(w, fmt.Sprintf(`{"type":"tool_use","id":"toolu_%d","name":"Bash","input":{}}`, len(results)), string(delta), "tool_use")
}

// say streams a message of one part.
func say(w http.ResponseWriter, part, delta, stop string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, event := range []struct{ name, body string }{
		{"message_start", `"message":{"id":"msg","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`},
		{"content_block_start", `"index":0,"content_block":` + part},
		{"content_block_delta", `"index":0,"delta":` + delta},
		{"content_block_stop", `"index":0`},
		{"message_delta", `"delta":{"stop_reason":"` + stop + `","stop_sequence":null},"usage":{"output_tokens":1}`},
		{"message_stop", `"x":0`},
	} {
		fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q,%s}\n\n", event.name, event.name, event.body)
	}
}

// claude runs Claude Code in a folder, with a model that wants these lines run, and
// returns what the model was told of each.
func claude(t *testing.T, folder string, lines ...string) []string {
	t.Helper()
	program := filepath.Join(os.Getenv("HOOK_TOOLS"), "node_modules", ".bin", "claude")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("Claude Code is not in $HOOK_TOOLS: %v; run make hook-test, which installs it", err)
	}
	m := &model{lines: lines}
	api := httptest.NewServer(m)
	defer api.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program, "-p", "go", "--allowedTools", "Bash")
	c.Dir = folder
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), asBinary + "=1", "ANTHROPIC_BASE_URL=" + api.URL, "ANTHROPIC_API_KEY=none",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1",
	}
	out, err := c.CombinedOutput()
	t.Logf("claude: %v\n%s", err, out)
	if len(m.answers) != len(lines) {
		t.Fatalf("the model was told %q", m.answers)
	}
	return m.answers
}

// TestHookClaudeCode: the platform itself runs what is permitted, and nothing that is
// denied, nor anything while the service is down.
func TestHookClaudeCode(t *testing.T) {
	folder := t.TempDir()
	data, service := hookZone(t, folder, serve)
	settings := filepath.Join(folder, ".claude", "settings.json")
	if _, stderr, exit := cli(t, "--data", data, "hook", "install", "--settings", settings); exit != exitDone {
		t.Fatal(stderr)
	}
	answers := claude(t, folder, "touch denied", "wc -c .claude/settings.json")
	demand(t, answers[0], "policy.default_deny")
	demand(t, answers[1], "settings.json")
	must(t, service.Stop(killLoopPatience))
	answers = claude(t, folder, "wc -c .claude/settings.json", "touch down")
	demand(t, answers[0], "no service")
	demand(t, answers[1], "no service")
	for _, name := range []string{"denied", "down"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			t.Errorf("touch %s was run", name)
		}
	}
	// The hook cannot be started at all: the platform must take that for a no too.
	rewrite(t, settings, func(text string) string { return strings.ReplaceAll(text, `"command": "/`, `"command": "/missing/`) })
	answers = claude(t, folder, "touch unstarted")
	if _, err := os.Stat(filepath.Join(folder, "unstarted")); err == nil {
		t.Errorf("without a hook it was run: %s", answers)
	}
}
