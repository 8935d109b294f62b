package hook

import (
	"bytes"
	"testing"
)

// FuzzEvent: an event that is taken can be asked for or reported, or is refused with
// an error; its tool has a name that a release can have.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"session_id":"s","cwd":"/w","hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls\u0000\n"},"tool_use_id":"t"}`))
	f.Add([]byte(`{"session_id":"s","cwd":"/w","hook_event_name":"PostToolUse","tool_name":"mcp__a__b","tool_input":{"A":1},"tool_use_id":"t","tool_response":{"backgroundTaskId":"b"}}`))
	f.Add([]byte(`{"session_id":"s","cwd":"/w","hook_event_name":"PostToolUseFailure","tool_name":"Read","tool_input":{"file_path":"x"},"tool_use_id":"t","error":"e","is_interrupt":true}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := parseEvent(raw)
		if err != nil {
			return
		}
		if name := ToolName(e.Tool); !releaseName.MatchString(name) {
			t.Fatalf("%q is called %q", e.Tool, name)
		}
		if ask, err := e.Ask(); err == nil && (ask.Resource == "" || !ask.Detached || ask.Key == "") {
			t.Fatalf("%+v", ask)
		}
		_, _ = e.Report()
	})
}

// FuzzSettings: what is installed can be installed again without a change, and taken
// out again.
func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"model":"x","hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"a"}]}]}}`))
	f.Add([]byte(`{"hooks":{"PostToolUse":[{"hooks":[{"args":["hook","claude-code"],"type":"command"}]}]},"n":1e400}`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := Install(text, command)
		if err != nil {
			return
		}
		twice, err := Install(once, command)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("installed twice: %v\n%s\n%s", err, once, twice)
		}
		out, err := Uninstall(once)
		if err != nil || bytes.Contains(out, []byte(command.Path)) && !bytes.Contains(text, []byte(command.Path)) {
			t.Fatalf("taken out: %v\n%s", err, out)
		}
	})
}
