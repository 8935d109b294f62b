package hook

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Command is how the platform is to call the hook.
type Command struct {
	Path string   // of the executable, absolute
	Args []string // among them Mark, one after the other
}

// Mark is what a hook's arguments hold by which it is known as this one.
var Mark = []string{"hook", "claude-code"}

// hookWithin is how long the platform waits for a hook, in seconds: people may be
// asked meanwhile.
const hookWithin = 600

var events = []Kind{Before, After, Failed}

// ErrSettings reports a settings file that cannot be changed without losing something.
var ErrSettings = errors.New("hook: settings")

// Install returns a settings file of the platform's with the hook in it, in the place
// of one that was there. Everything else stays, in its order. Nil text is an empty
// file.
func Install(text []byte, c Command) ([]byte, error) {
	settings, err := readObject(text)
	if err != nil {
		return nil, err
	}
	if off := settings.get("disableAllHooks"); off != nil && string(off) != "false" {
		return nil, fmt.Errorf("%w: disableAllHooks is set, so no hook would be called; take it out", ErrSettings)
	}
	hooks, err := settings.object("hooks")
	if err != nil {
		return nil, err
	}
	for _, event := range events {
		groups, err := without(hooks.get(string(event)))
		if err != nil {
			return nil, err
		}
		entry, err := json.Marshal(group(event, c))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSettings, err)
		}
		if err := hooks.put(string(event), append(groups, entry)); err != nil {
			return nil, err
		}
	}
	return settings.with("hooks", hooks)
}

// Uninstall returns a settings file without the hook.
func Uninstall(text []byte) ([]byte, error) {
	settings, err := readObject(text)
	if err != nil {
		return nil, err
	}
	hooks, err := settings.object("hooks")
	if err != nil {
		return nil, err
	}
	for _, event := range events {
		groups, err := without(hooks.get(string(event)))
		switch {
		case err != nil:
			return nil, err
		case len(groups) == 0:
			hooks.drop(string(event))
		default:
			err = hooks.put(string(event), groups)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(*hooks) == 0 {
		settings.drop("hooks")
		return settings.text()
	}
	return settings.with("hooks", hooks)
}

// handler is one hook as the platform's settings have it.
type handler struct {
	Type      string   `json:"type"`
	Command   string   `json:"command"`
	Args      []string `json:"args"` // with them no shell takes part
	Timeout   int      `json:"timeout"`
	OnFailure string   `json:"onFailure,omitzero"` // block: a hook that cannot be asked is a no
}

type matched struct {
	Matcher string    `json:"matcher"`
	Hooks   []handler `json:"hooks"`
}

func group(event Kind, c Command) matched {
	h := handler{Type: "command", Command: c.Path, Args: c.Args, Timeout: hookWithin}
	if event == Before {
		h.OnFailure = "block"
	}
	return matched{Matcher: "*", Hooks: []handler{h}}
}

// without is an event's groups with this hook taken out of them.
func without(raw jsontext.Value) ([]jsontext.Value, error) {
	if raw == nil {
		return nil, nil
	}
	var groups, kept []jsontext.Value
	if err := json.Unmarshal(raw, &groups); err != nil {
		return nil, fmt.Errorf("%w: an event's hooks are no array: %w", ErrSettings, err)
	}
	for _, g := range groups {
		members, err := readObject(g)
		if err != nil {
			return nil, err
		}
		var handlers []jsontext.Value
		if list := members.get("hooks"); list != nil {
			if err := json.Unmarshal(list, &handlers); err != nil {
				return nil, fmt.Errorf("%w: a matcher's hooks are no array: %w", ErrSettings, err)
			}
		}
		others := slices.DeleteFunc(slices.Clone(handlers), ours)
		switch {
		case len(others) == len(handlers):
			kept = append(kept, g)
		case len(others) > 0:
			if err := members.put("hooks", others); err != nil {
				return nil, err
			}
			g, err = members.raw()
			if err != nil {
				return nil, err
			}
			kept = append(kept, g)
		}
	}
	return kept, nil
}

// ours reports whether a handler is this hook, installed before.
func ours(raw jsontext.Value) bool {
	var h handler
	if err := json.Unmarshal(raw, &h); err != nil || h.Type != "command" {
		return false
	}
	for i := range h.Args {
		if i+len(Mark) <= len(h.Args) && slices.Equal(h.Args[i:i+len(Mark)], Mark) {
			return true
		}
	}
	return false
}

// object is a JSON object that keeps its order.
type object []member

type member struct {
	name  string
	value jsontext.Value
}

func readObject(text []byte) (*object, error) {
	o := &object{}
	if len(bytes.TrimSpace(text)) == 0 {
		return o, nil
	}
	d := jsontext.NewDecoder(bytes.NewReader(text)) // refuses names that stand twice
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, fmt.Errorf("%w: not a JSON object (%w); mend the file by hand", ErrSettings, err)
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSettings, err)
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("%w: %w; mend the file by hand", ErrSettings, err)
		}
		*o = append(*o, member{key, value.Clone()})
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, fmt.Errorf("%w: %w; mend the file by hand", ErrSettings, err)
	}
	if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("%w: something follows the object; mend the file by hand", ErrSettings)
	}
	return o, nil
}

func (o *object) get(name string) jsontext.Value {
	for _, m := range *o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (o *object) object(name string) (*object, error) { return readObject(o.get(name)) }

func (o *object) drop(name string) {
	*o = slices.DeleteFunc(*o, func(m member) bool { return m.name == name })
}

func (o *object) put(name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	for i := range *o {
		if (*o)[i].name == name {
			(*o)[i].value = raw
			return nil
		}
	}
	*o = append(*o, member{name, raw})
	return nil
}

func (o *object) raw() (jsontext.Value, error) {
	var b bytes.Buffer
	e := jsontext.NewEncoder(&b)
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	for _, m := range *o {
		if err := errors.Join(e.WriteToken(jsontext.String(m.name)), e.WriteValue(m.value)); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSettings, err)
		}
	}
	if err := e.WriteToken(jsontext.EndObject); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func (o *object) with(name string, inner *object) ([]byte, error) {
	raw, err := inner.raw()
	if err != nil {
		return nil, err
	}
	if err := o.put(name, raw); err != nil {
		return nil, err
	}
	return o.text()
}

// text is the object as people have it in files.
func (o *object) text() ([]byte, error) {
	raw, err := o.raw()
	if err != nil {
		return nil, err
	}
	if err := raw.Indent(jsontext.WithIndent("  ")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return append(raw, '\n'), nil
}
