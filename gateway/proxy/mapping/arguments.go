package mapping

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// gathering is the collection of one call's arguments.
type gathering struct {
	route      *route
	parameters map[string]string   // of the path
	query      map[string][]string // as it was asked
	header     http.Header         // that is forwarded
	members    map[string]json.RawMessage
}

// arguments are a JSON object with the route's arguments and RequestArgument. Whether
// values fit their types, enforcers judge.
func (g *gathering) arguments(sum trust.Digest) (json.RawMessage, error) {
	if err := g.undeclared(); err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{RequestArgument: quoted(sum.String())}
	for _, a := range g.route.Arguments {
		value, err := g.value(a)
		if err != nil {
			return nil, err
		}
		if value == nil && a.Required {
			return nil, fault(http.StatusBadRequest, "the %s lacks %q", a.In, a.source())
		}
		if value != nil {
			out[a.Name] = value
		}
	}
	text, err := jsonrpc.Encode(out)
	if err != nil || len(text) > maxIntentArguments {
		return nil, fault(http.StatusRequestEntityTooLarge, "the arguments have more than %d bytes; policies must read all of them", maxIntentArguments)
	}
	return text, nil
}

// undeclared refuses what the upstream would see and no policy.
func (g *gathering) undeclared() error {
	for name, values := range g.query {
		a, ok := g.find(InQuery, func(a Argument) bool { return a.source() == name })
		if !ok {
			return fault(http.StatusBadRequest, "the query has %q, which this operation has not", clip(name))
		}
		if len(values) > 1 && !strings.HasSuffix(a.Type, "_set") {
			return fault(http.StatusBadRequest, "the query has %q %d times, and could be read in several ways", clip(name), len(values))
		}
	}
	if g.route.Others {
		return nil
	}
	for name := range g.members {
		if _, ok := g.find(InBody, func(a Argument) bool { return pointer(a.source())[0] == name }); !ok {
			return fault(http.StatusBadRequest, "the body has %q, which this operation has not", clip(name))
		}
	}
	return nil
}

func (g *gathering) find(in Place, is func(Argument) bool) (Argument, bool) {
	i := slices.IndexFunc(g.route.Arguments, func(a Argument) bool { return a.In == in && is(a) })
	if i < 0 {
		return Argument{}, false
	}
	return g.route.Arguments[i], true
}

// value is an argument's JSON, nil if it is not there.
func (g *gathering) value(a Argument) (json.RawMessage, error) {
	switch a.In {
	case InPath:
		return typed(a, []string{g.parameters[a.source()]})
	case InQuery:
		return typed(a, g.query[a.source()])
	case InHeader:
		value, ok, err := one(g.header, a.source())
		if err != nil || !ok {
			return nil, err
		}
		return typed(a, []string{value})
	case InBody:
		return member(g.members, a)
	}
	return nil, nil
}

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,18})$`)

// typed writes texts of a path, query or header as JSON of the argument's type.
func typed(a Argument, texts []string) (json.RawMessage, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	values := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		switch strings.TrimSuffix(a.Type, "_set") {
		case "long":
			if !integer.MatchString(text) {
				return nil, fault(http.StatusBadRequest, "the %s has %q for %q, where an integer is wanted", a.In, clip(text), a.source())
			}
			values[i] = json.RawMessage(text)
		case "bool":
			if text != "true" && text != "false" {
				return nil, fault(http.StatusBadRequest, "the %s has %q for %q, where true or false is wanted", a.In, clip(text), a.source())
			}
			values[i] = json.RawMessage(text)
		default:
			values[i] = quoted(text)
		}
	}
	if !strings.HasSuffix(a.Type, "_set") {
		return values[0], nil
	}
	list, err := jsonrpc.Encode(values)
	return list, err
}

// member takes an argument out of the body.
func member(members map[string]json.RawMessage, a Argument) (json.RawMessage, error) {
	path := pointer(a.source())
	for i, name := range path {
		for other := range members { // many servers know no case
			if other != name && strings.EqualFold(other, name) {
				return nil, fault(http.StatusBadRequest, "the body has %q, which some would take for %q", clip(other), name)
			}
		}
		value, ok := members[name]
		if !ok {
			return nil, nil
		}
		if i == len(path)-1 {
			return numeral(a, value), nil
		}
		inner, err := jsonrpc.Object(value)
		if err != nil {
			return nil, fault(http.StatusBadRequest, "the body's %q is no object", clip(name))
		}
		members = inner
	}
	return nil, nil
}

// numeral writes a number as the text that the type decimal wants.
func numeral(a Argument, value json.RawMessage) json.RawMessage {
	if a.Type == "decimal" && strings.IndexByte("-0123456789", value[0]) >= 0 {
		return quoted(string(value))
	}
	return value
}

// pointer is the names of a JSON Pointer, or the one name.
func pointer(source string) []string {
	rest, ok := strings.CutPrefix(source, "/")
	if !ok {
		return []string{source}
	}
	parts := strings.Split(rest, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~1", "/"), "~0", "~")
	}
	return parts
}

// quoted is a text as JSON. Texts are valid UTF-8 here.
func quoted(text string) json.RawMessage {
	out, err := jsonrpc.Encode(text)
	if err != nil {
		return json.RawMessage(strconv.Quote(text))
	}
	return out
}

func sortedNames(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }
