package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Pinning says how the tools of a server are to stand in a release.
type Pinning struct {
	Server       string            // what the release calls the server
	ResourceType string            // the Cedar type of what tools act upon, unless they declare another
	Resources    map[string]string // by a tool's own name: the argument that is its resource. Optional
}

// Pin writes a server's tools as entries of a release's tools.yaml: their names
// there, the digests of their definitions, and their arguments as far as the
// release's types go. Governors read it before they sign it: the definition is what
// models will believe. The error says which tools cannot be pinned; the text has the
// others.
func Pin(p Pinning, tools []Definition) (string, error) {
	var b strings.Builder
	var refused []error
	names, own := map[string]string{}, map[string]bool{}
	for _, d := range tools {
		name := ToolName(p.Server, d.Name)
		own[d.Name] = true
		if other, twice := names[name]; twice {
			refused = append(refused, fmt.Errorf("mcp: the tools %q and %q would both be %s in the release; only the first of them is pinned", other, d.Name, name))
			continue
		}
		names[name] = d.Name
		text, err := p.pinTool(name, d)
		if err != nil {
			refused = append(refused, fmt.Errorf("mcp: tool %q is not pinned: %w; leave it out, or write its entry by hand", d.Name, err))
		}
		b.WriteString(text)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Resources)) {
		if !own[name] {
			refused = append(refused, fmt.Errorf("mcp: the server has no tool %q whose resource could be the argument %q", name, p.Resources[name]))
		}
	}
	return b.String(), errors.Join(refused...)
}

// described is what Pin reads of a definition.
type described struct {
	Description string `json:"description"`
	Input       struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
		Mapping    json.RawMessage            `json:"x-authzen-mapping"`
	} `json:"inputSchema"`
}

const (
	maxDescription = 4096
	maxOneOf       = 256
	maxArguments   = 64
)

func (p Pinning) pinTool(name string, d Definition) (string, error) {
	var about described
	if err := json.Unmarshal(d.Raw, &about); err != nil {
		return "", fmt.Errorf("its definition is not as MCP has it: %w", err)
	}
	m, err := p.meaning(d.Name, about)
	if err != nil {
		return "", err
	}
	text, err := quote(cut(about.Description, maxDescription))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  - name: %s\n", name)
	if m.action != "" {
		action, err := quote(m.action)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "    action: %s\n", action)
	}
	fmt.Fprintf(&b, "    resource_type: %s\n", m.resourceType)
	if m.resource != "" {
		fmt.Fprintf(&b, "    resource_argument: %s\n", m.resource)
	}
	fmt.Fprintf(&b, "    description: %s\n    definition_digest: %s\n", text, strconv.Quote(d.Digest.String()))
	if err := pinArguments(&b, about); err != nil {
		return "", err
	}
	return b.String(), nil
}

// meaning is what a tool declares about its calls, or else what the pinning says.
func (p Pinning) meaning(tool string, about described) (mapping, error) {
	m, err := readMapping(about.Input.Mapping, about)
	if err != nil {
		return mapping{}, err
	}
	if m.resourceType == "" {
		m.resourceType = p.ResourceType
	}
	wanted, said := p.Resources[tool]
	switch {
	case !said:
		return m, nil
	case m.resource != "" && m.resource != wanted:
		return mapping{}, fmt.Errorf("its %s takes the argument %q for the resource, and it was to be %q", mappingName, m.resource, wanted)
	case !about.isText(wanted):
		return mapping{}, fmt.Errorf("its argument %q cannot be the resource: it is not a required string", wanted)
	}
	m.resource = wanted
	return m, nil
}

// isText reports whether an argument is there in every call, and a text: only such
// a one names what a call acts upon.
func (a described) isText(name string) bool {
	return attributeName.MatchString(name) && slices.Contains(a.Input.Required, name) && kindOf(readProperty(a.Input.Properties[name])) == kindString
}

var attributeName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

func pinArguments(b *strings.Builder, about described) error {
	var names []string
	for name := range about.Input.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > maxArguments {
		return fmt.Errorf("it has %d arguments; a release can declare %d", len(names), maxArguments)
	}
	if len(names) > 0 {
		b.WriteString("    arguments:\n")
	}
	for _, name := range names {
		if !attributeName.MatchString(name) {
			fmt.Fprintf(b, "      # %q cannot be declared: calls with it are denied\n", name)
			continue
		}
		line, err := pinArgument(name, about.Input.Properties[name], slices.Contains(about.Input.Required, name))
		if err != nil {
			return fmt.Errorf("argument %q: %w", name, err)
		}
		b.WriteString(line)
	}
	return nil
}

// property is what Pin reads of an argument's schema. Type is a text, or an array
// of them, which makes the argument json.
type property struct {
	Type  json.RawMessage   `json:"type"`
	Enum  []json.RawMessage `json:"enum"`
	Min   json.RawMessage   `json:"minimum"`
	Max   json.RawMessage   `json:"maximum"`
	Items json.RawMessage   `json:"items"`
}

// readProperty reads an argument's schema; true, or a schema of another kind, says
// nothing.
func readProperty(schema json.RawMessage) property {
	var p property
	if err := json.Unmarshal(schema, &p); err != nil {
		return property{}
	}
	return p
}

const kindString = "string"

// kindOf is the release's type for an argument.
func kindOf(p property) string {
	switch string(p.Type) {
	case `"string"`:
		return kindString
	case `"integer"`:
		return "long"
	case `"boolean"`:
		return "bool"
	case `"array"`:
		if items, err := jsonrpc.Object(p.Items); err == nil && string(items["type"]) == `"string"` {
			return "string_set"
		}
	}
	return "json"
}

func pinArgument(name string, schema json.RawMessage, required bool) (string, error) {
	p := readProperty(schema)
	kind := kindOf(p)
	line := fmt.Sprintf("      - {name: %s, type: %s", strconv.Quote(name), kind)
	if required {
		line += ", required: true"
	}
	if kind == "long" {
		line += bound("min", p.Min) + bound("max", p.Max)
	}
	if kind == kindString && len(p.Enum) > 0 && len(p.Enum) <= maxOneOf {
		values, err := jsonrpc.Encode(p.Enum)
		if err != nil {
			return "", err
		}
		line += ", one_of: " + string(values)
	}
	return line + "}\n", nil
}

func bound(name string, value json.RawMessage) string {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", %s: %d", name, n)
}

// quote writes a text as YAML's double-quoted scalar, of which JSON's is one.
func quote(text string) (string, error) {
	out, err := jsonrpc.Encode(text)
	return string(out), err
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
