package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// MaxEvent bounds what is read of an event, in bytes: the answers of tools are in it.
const MaxEvent = 32 << 20

const maxWord = 256 // bytes of a name or an identifier

// Kind is which hook is called.
type Kind string

// The hooks that are answered.
const (
	Before Kind = "PreToolUse"
	After  Kind = "PostToolUse"
	Failed Kind = "PostToolUseFailure"
)

// Event is what the platform tells a hook, as far as it matters. Members that are not
// known are passed over: the platform adds some with every version.
type Event struct {
	Kind     Kind
	Session  string
	Dir      string // where the platform works
	Tool     string // as the platform calls it
	ID       string // of the call
	Input    json.RawMessage
	Response json.RawMessage // After: what the tool answered
	Error    string          // Failed: for people
	Aborted  bool            // Failed: the user interrupted it
}

// ErrEvent reports bytes that are no event that can be answered.
var ErrEvent = errors.New("hook: not an event of Claude Code's that is known here")

// ReadEvent reads one event, all there is to read. It is strict JSON: no name twice,
// valid UTF-8, at most 64 levels deep.
func ReadEvent(in io.Reader) (Event, error) {
	raw, err := io.ReadAll(io.LimitReader(in, MaxEvent+1))
	switch {
	case err != nil:
		return Event{}, fmt.Errorf("hook: reading the event: %w", err)
	case len(raw) > MaxEvent:
		return Event{}, fmt.Errorf("%w: more than %d bytes", ErrEvent, MaxEvent)
	}
	return parseEvent(raw)
}

func parseEvent(raw []byte) (Event, error) {
	members, err := jsonrpc.Object(raw)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	e := Event{Input: members["tool_input"], Response: members["tool_response"], Aborted: string(members["is_interrupt"]) == "true"}
	var kind string
	for _, word := range []struct {
		name string
		into *string
	}{{"hook_event_name", &kind}, {"session_id", &e.Session}, {"cwd", &e.Dir}, {"tool_name", &e.Tool}, {"tool_use_id", &e.ID}} {
		text, ok := jsonrpc.Text(members[word.name])
		if !ok || text == "" || len(text) > maxWord && word.name != "cwd" {
			return Event{}, fmt.Errorf("%w: %s is no text of 1 to %d bytes", ErrEvent, word.name, maxWord)
		}
		*word.into = text
	}
	e.Kind = Kind(kind)
	e.Error, _ = jsonrpc.Text(members["error"])
	return e, e.check()
}

func (e Event) check() error {
	switch e.Kind {
	case Before, Failed:
	case After:
		if len(e.Response) == 0 {
			return fmt.Errorf("%w: a %s without tool_response", ErrEvent, e.Kind)
		}
	default:
		return fmt.Errorf("%w: the event %.60q; install the hook for %s, %s and %s only", ErrEvent, e.Kind, Before, After, Failed)
	}
	if len(e.Input) == 0 || e.Input[0] != '{' {
		return fmt.Errorf("%w: tool_input is no object", ErrEvent)
	}
	return nil
}

// Key names the call, to the hooks before and after it alike.
func (e Event) Key() (string, error) {
	text, err := jsonrpc.Encode([]string{"claude-code", e.Session, e.ID})
	if err != nil {
		return "", err
	}
	return trust.DigestOf(text).String(), nil
}
