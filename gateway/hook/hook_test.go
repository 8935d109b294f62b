package hook

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/gateway/local"
)

var (
	command     = Command{Path: "/opt/portcullis", Args: []string{"--data", "/d", "hook", "claude-code", "--name", "local"}}
	releaseName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

func event(t *testing.T, kind Kind, tool, input, more string) Event {
	t.Helper()
	e, err := parseEvent(fmt.Appendf(nil, `{"session_id":"s","cwd":"/w","hook_event_name":%q,"tool_name":%q,"tool_input":%s,"tool_use_id":"t"%s}`, kind, tool, input, more))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestResources: what a call acts upon, by tool.
func TestResources(t *testing.T) {
	for _, tc := range []struct{ tool, input, name, resource string }{
		{"Bash", `{"command":"ls -l /tmp"}`, "cc-bash", "ls"},
		{"Bash", `{"command":"ls"}`, "cc-bash", "ls"},
		{"Bash", `{"command":"/bin/ls a=b"}`, "cc-bash", "/bin/ls"},
		{"Bash", `{"command":"ls; rm x"}`, "cc-bash", script},
		{"Bash", `{"command":"ls\nrm x"}`, "cc-bash", script},
		{"Bash", `{"command":"ls\n"}`, "cc-bash", script},
		{"Bash", `{"command":"ls $(rm x)"}`, "cc-bash", script},
		{"Bash", `{"command":"ls > x"}`, "cc-bash", script},
		{"Bash", `{"command":"ls & rm x"}`, "cc-bash", script},
		{"Bash", `{"command":"PATH=/evil ls"}`, "cc-bash", script},
		{"Bash", `{"command":"ls ~"}`, "cc-bash", script},
		{"Bash", `{"command":"ls \u0000"}`, "cc-bash", script},
		{"Bash", `{"command":" ls"}`, "cc-bash", script},
		{"Read", `{"file_path":"/a/..b/c.."}`, "cc-read", "/a/..b/c.."},
		{"Write", `{"file_path":"b","content":""}`, "cc-write", "/w/b"},
		{"Glob", `{"pattern":"*"}`, "cc-glob", "/w"},
		{"Glob", `{"pattern":"*","path":"/x"}`, "cc-glob", "/x"},
		{"WebFetch", `{"url":"https://example.com/","prompt":"p"}`, "cc-web-fetch", "https://example.com/"},
		{"mcp__fs__read", `{"path":"/etc"}`, ToolName("mcp__fs__read"), "mcp__fs__read"},
	} {
		ask, err := event(t, Before, tc.tool, tc.input, "").Ask()
		if err != nil || ask.Tool != tc.name || ask.Resource != tc.resource || !ask.Detached {
			t.Errorf("%s %s: %+v, %v", tc.tool, tc.input, ask, err)
		}
	}
	for _, tc := range []struct{ tool, input string }{
		{"Bash", `{}`},
		{"Bash", `{"command":1}`},
		{"Read", `{"file_path":""}`},
		{"Read", `{"file_path":"/a/../b"}`},
		{"Write", `{"file_path":"../b","content":""}`},
		{"Glob", `{"pattern":"*","path":"/w/.."}`},
		{"Glob", `{"path":null}`},
		{"Read", `{"file_path":"/` + strings.Repeat("x", maxResource) + `"}`},
	} {
		if ask, err := event(t, Before, tc.tool, tc.input, "").Ask(); err == nil {
			t.Errorf("%s %s: %+v", tc.tool, tc.input, ask)
		}
	}
}

// TestNamesDiffer: no two tools share a name in the release, and each is one.
func TestNamesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		one, other := ToolName(a), ToolName(b)
		if !releaseName.MatchString(one) || (one == other) != (a == b) {
			t.Fatalf("%q is %q, %q is %q", a, one, b, other)
		}
	})
	if ToolName("mcp__a_b") == ToolName("mcp__a-b") {
		t.Error("two tools share a name")
	}
}

// TestEventsThatAreRefused: none of them may end in anything but a no.
func TestEventsThatAreRefused(t *testing.T) {
	whole := `{"session_id":"s","cwd":"/w","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls"},"tool_use_id":"t"}`
	if _, err := parseEvent([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"nothing":          "",
		"no JSON":          "x",
		"a list":           "[]",
		"half":             whole[:40],
		"another event":    strings.Replace(whole, "PreToolUse", "Stop", 1),
		"no event":         strings.Replace(whole, "hook_event_name", "event", 1),
		"no id":            strings.Replace(whole, "tool_use_id", "id", 1),
		"an empty id":      strings.Replace(whole, `:"t"`, `:""`, 1),
		"a long id":        strings.Replace(whole, `:"t"`, `:"`+strings.Repeat("x", maxWord+1)+`"`, 1),
		"an id twice":      strings.Replace(whole, `"cwd"`, `"tool_use_id":"u","cwd"`, 1),
		"no input":         strings.Replace(whole, "tool_input", "input", 1),
		"input is a text":  strings.Replace(whole, `{"command":"ls"}`, `"ls"`, 1),
		"invalid UTF-8":    strings.Replace(whole, "ls", "\xff", 1),
		"done, no answer":  strings.Replace(whole, "PreToolUse", "PostToolUse", 1),
		"something behind": whole + "{}",
	} {
		if e, err := parseEvent([]byte(raw)); !errors.Is(err, ErrEvent) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	if _, err := ReadEvent(strings.NewReader(strings.Repeat(" ", MaxEvent+1))); !errors.Is(err, ErrEvent) {
		t.Errorf("oversized: %v", err)
	}
}

// TestReports: what the platform says of a call, as the ledger is to have it.
func TestReports(t *testing.T) {
	for name, tc := range map[string]struct {
		kind Kind
		more string
		want local.Status
	}{
		"done":        {After, `,"tool_response":{"stdout":"x"}`, local.StatusDone},
		"a text":      {After, `,"tool_response":"x"`, local.StatusDone},
		"background":  {After, `,"tool_response":{"backgroundTaskId":"b"}`, local.StatusUnknown},
		"failed":      {Failed, `,"error":"Exit code 3","is_interrupt":false`, local.StatusFailed},
		"interrupted": {Failed, `,"error":"x","is_interrupt":true`, local.StatusUnknown},
	} {
		before, err := event(t, Before, "Bash", `{"command":"ls"}`, "").Ask()
		if err != nil {
			t.Fatal(err)
		}
		r, err := event(t, tc.kind, "Bash", `{ "command" : "ls" }`, tc.more).Report()
		if err != nil || r.Status != tc.want || r.Key != before.Key || string(r.Arguments) != string(before.Arguments) || (len(r.Result) > 0) != (tc.want == local.StatusDone) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// TestInstall: what else stands in the settings stays, in its order.
func TestInstall(t *testing.T) {
	mine := `{"z":1,"hooks":{"Stop":[{"hooks":[]}],"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"own"}]}]},"a":[1e400,"é"]}`
	text, err := Install([]byte(mine), command)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"command": "own"`, `"onFailure": "block"`, `"matcher": "*"`, `"PostToolUseFailure"`, `1e400`, `"é"`, `"Stop"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("lacks %s:\n%s", want, text)
		}
	}
	if strings.Index(string(text), `"z"`) > strings.Index(string(text), `"hooks"`) || strings.Count(string(text), `"onFailure"`) != 1 {
		t.Errorf("%s", text)
	}
	moved, err := Install(text, Command{Path: "/new/portcullis", Args: command.Args})
	if err != nil || strings.Contains(string(moved), command.Path) || strings.Count(string(moved), "/new/portcullis") != 3 {
		t.Errorf("another place: %v\n%s", err, moved)
	}
	out, err := Uninstall(text)
	if err != nil || strings.Contains(string(out), "portcullis") || !strings.Contains(string(out), `"own"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := Uninstall(nil); err != nil || string(out) != "{}\n" {
		t.Errorf("nothing there: %v %s", err, out)
	}
	for _, bad := range []string{`[]`, `{"hooks":[]}`, `{"hooks":{"PreToolUse":{}}}`, `{"hooks":{"PreToolUse":[1]}}`, `{"a":1,"a":2}`, `{} x`, `{"disableAllHooks":true}`, `// c`} {
		if text, err := Install([]byte(bad), command); !errors.Is(err, ErrSettings) {
			t.Errorf("%s: %v %s", bad, err, text)
		}
	}
}
