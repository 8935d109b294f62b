package authzen

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// members are those of a JSON object. Unknown ones are nobody's business.
type members map[string]json.RawMessage

// fault is a request that does not say what the specification demands; status 400.
type fault struct{ text string }

func (f *fault) Error() string { return "authzen: " + f.text }

func faulty(format string, args ...any) error { return &fault{fmt.Sprintf(format, args...)} }

// object takes a JSON object apart. No name may stand twice: readers differ in which of
// the two they take.
func object(what string, raw json.RawMessage) (members, error) {
	m, err := jsonrpc.Object(raw)
	if wrong, ok := errors.AsType[*jsonrpc.Fault](err); ok {
		return nil, faulty("%s: %s", what, wrong.Text)
	}
	return m, err
}

// text is a string that must be there and not be empty.
func (m members) text(what, name string) (string, error) {
	raw, there := m[name]
	if !there {
		return "", faulty("%s.%s is missing", what, name)
	}
	text, ok := jsonrpc.Text(raw)
	if !ok || text == "" {
		return "", faulty("%s.%s must be a string that is not empty", what, name)
	}
	return text, nil
}

// optional is an object that may be missing.
func (m members) optional(what, name string) (members, error) {
	raw, there := m[name]
	if !there {
		return nil, nil
	}
	return object(what+"."+name, raw)
}

// entity is a Subject or a Resource (AuthZEN 1.0, section 5).
type entity struct {
	kind       string
	id         string
	properties members
}

// action is an Action.
type action struct {
	name       string
	properties members
}

// tuple is what is asked: subject, action, resource, context.
type tuple struct {
	subject, resource entity
	action            action
	context           json.RawMessage // an object; nil if there is none
}

// part says what of an entity a request must state.
type part bool

const (
	whole    part = true
	kindOnly part = false // the id is what is searched for, and not read
)

func (m members) entity(name string, want part) (e entity, err error) {
	raw, there := m[name]
	if !there {
		return entity{}, faulty("%s is missing", name)
	}
	o, err := object(name, raw)
	if err != nil {
		return entity{}, err
	}
	if e.kind, err = o.text(name, "type"); err != nil {
		return entity{}, err
	}
	if want == whole {
		if e.id, err = o.text(name, "id"); err != nil {
			return entity{}, err
		}
	}
	e.properties, err = o.optional(name, "properties")
	return e, err
}

func (m members) action() (a action, err error) {
	raw, there := m["action"]
	if !there {
		return action{}, faulty("action is missing")
	}
	o, err := object("action", raw)
	if err != nil {
		return action{}, err
	}
	if a.name, err = o.text("action", "name"); err != nil {
		return action{}, err
	}
	a.properties, err = o.optional("action", "properties")
	return a, err
}

// surroundings is the context, which must be an object if it is there.
func (m members) surroundings() (json.RawMessage, error) {
	raw, there := m["context"]
	if !there {
		return nil, nil
	}
	_, err := object("context", raw)
	return raw, err
}

// tuple reads a whole question.
func (m members) tuple() (t tuple, err error) {
	if t.subject, err = m.entity("subject", whole); err != nil {
		return tuple{}, err
	}
	if t.action, err = m.action(); err != nil {
		return tuple{}, err
	}
	if t.resource, err = m.entity("resource", whole); err != nil {
		return tuple{}, err
	}
	t.context, err = m.surroundings()
	return t, err
}
