package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// mappingName is where a tool's input schema declares how its calls are authorized:
// AuthZEN's COAZ-MCP binding, draft 1.
const mappingName = "x-authzen-mapping"

// mapping is a declared mapping as far as a release can say the same: a tool's
// action, the type of its resource and the argument that is its resource. The zero
// mapping declares nothing. It counts through the release only, which governors
// sign: a server that changes its mind changes its definition's digest.
type mapping struct {
	action, resourceType, resource string
}

var errMapping = errors.New("its " + mappingName + " says what a release cannot: ")

func beyond(format string, args ...any) error {
	return fmt.Errorf("%w"+format, append([]any{errMapping}, args...)...)
}

// readMapping reads a declared mapping: one evaluation, whose values are literals or
// plain paths to what the release judges anyway. Whatever else it says is refused,
// for a part that is left out would judge other things than the server means.
func readMapping(raw json.RawMessage, about described) (mapping, error) {
	if raw == nil {
		return mapping{}, nil
	}
	envelope, err := only(raw, "evaluation")
	if err != nil {
		return mapping{}, beyond("it is not one evaluation: %w", err)
	}
	parts, err := only(envelope["evaluation"], "subject", "action", "resource", "context")
	if err != nil {
		return mapping{}, beyond("evaluation: %w", err)
	}
	m := mapping{}
	return m, errors.Join(
		checkSubject(parts["subject"]), m.readAction(parts["action"]), m.readResource(parts["resource"], about), checkContext(parts["context"], about),
	)
}

// only takes an object apart that has no other members than these.
func only(raw json.RawMessage, names ...string) (map[string]json.RawMessage, error) {
	if raw == nil {
		return nil, errors.New("it is missing")
	}
	members, err := jsonrpc.Object(raw)
	if err != nil {
		return nil, err
	}
	for name := range members {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("the member %.60q is not known here", name)
		}
	}
	return members, nil
}

// checkSubject: who acts is the agent that signs the intent, which no mapping can
// change.
func checkSubject(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	subject, err := only(raw, "type", "id")
	if err != nil {
		return beyond("subject: %w", err)
	}
	if id := subject["id"]; id != nil && string(id) != `"$token.sub"` {
		return beyond("subject.id is %.80s; the subject is the agent, for which $token.sub stands", id)
	}
	if kind := subject["type"]; kind != nil {
		_, err = literal(kind)
	}
	if err != nil {
		return beyond("subject.type: %w", err)
	}
	return nil
}

func (m *mapping) readAction(raw json.RawMessage) error {
	action, err := only(raw, "name")
	if err == nil {
		m.action, err = literal(action["name"])
	}
	if err != nil {
		return beyond("action: %w", err)
	}
	return nil
}

func (m *mapping) readResource(raw json.RawMessage, about described) error {
	resource, err := only(raw, "type", "id")
	if err != nil {
		return beyond("resource: %w", err)
	}
	kind, err := literal(resource["type"])
	if err != nil {
		return beyond("resource.type: %w", err)
	}
	if m.resourceType = entityType(kind); m.resourceType == "" {
		return beyond("resource.type %.60q cannot be a type of Cedar", kind)
	}
	name, _, err := argumentPath(resource["id"], about)
	if err != nil {
		return beyond("resource.id: %w", err)
	}
	if !about.isText(name) {
		return beyond("resource.id is the argument %q, which is not a required string", name)
	}
	m.resource = name
	return nil
}

// checkContext: policies see all arguments and the agent as they are, so a context
// of these alone adds nothing.
func checkContext(raw json.RawMessage, about described) error {
	if raw == nil {
		return nil
	}
	members, err := jsonrpc.Object(raw)
	if err != nil {
		return beyond("context: %w", err)
	}
	for name, value := range members {
		if name == "agent" && (string(value) == `"$token.?client_id"` || string(value) == `"$token.client_id"`) {
			continue
		}
		if err := checkContextValue(value, about); err != nil {
			return beyond("context.%.60s: %w", name, err)
		}
	}
	return nil
}

func checkContextValue(value json.RawMessage, about described) error {
	name, optional, err := argumentPath(value, about)
	if err == nil && !optional && !slices.Contains(about.Input.Required, name) {
		err = fmt.Errorf("the argument %q may be absent; it must be required, or the path be written with .?", name)
	}
	return err
}

// literal reads a text that is no expression.
func literal(raw json.RawMessage) (string, error) {
	text, _ := jsonrpc.Text(raw)
	if strings.HasPrefix(text, "$$") {
		return text[1:], nil
	}
	if text == "" || text[0] == '$' {
		return "", fmt.Errorf("%.80s is no literal text", raw)
	}
	return text, nil
}

// argumentPaths are the spellings of a plain path in the Common Expression Language
// (CEL); the optional one selects nothing where there is nothing.
var argumentPaths = regexp.MustCompile(`^\$params\.arguments(?:(\.\??)([A-Za-z_][A-Za-z0-9_]*)|\["([A-Za-z_][A-Za-z0-9_]*)"\]|\['([A-Za-z_][A-Za-z0-9_]*)'\])$`)

// argumentPath is the argument to which a plain path leads.
func argumentPath(raw json.RawMessage, about described) (name string, optional bool, err error) {
	text, _ := jsonrpc.Text(raw)
	parts := argumentPaths.FindStringSubmatch(text)
	if parts == nil {
		return "", false, fmt.Errorf("%.80s is no plain path such as $params.arguments.NAME; other expressions are not evaluated", raw)
	}
	name = parts[2] + parts[3] + parts[4] // one of them
	if _, declared := about.Input.Properties[name]; !declared {
		return "", false, fmt.Errorf("the argument %.60q is not in the schema", name)
	}
	return name, parts[1] == ".?", nil
}

// entityType is the Cedar type for a mapping's: the same if it can be one, and
// otherwise its words with capitals and without underscores or dashes; "" if there
// is none.
func entityType(text string) string {
	if cedarType.MatchString(text) {
		return text
	}
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '_' || r == '-' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	if !cedarType.MatchString(b.String()) {
		return ""
	}
	return b.String()
}

var cedarType = regexp.MustCompile(`^[A-Z][A-Za-z0-9_]{0,62}$`)
