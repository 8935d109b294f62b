package mcp

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Pin writes a server's tools as entries of a release's tools.yaml: their names
// there, the digests of their definitions, and their arguments as far as the
// release's types go. Governors read it before they sign it: the definition is what
// models will believe.
func Pin(server, resourceType string, tools []Definition) (string, error) {
	var b strings.Builder
	names := map[string]string{}
	for _, d := range tools {
		name := ToolName(server, d.Name)
		if other, twice := names[name]; twice {
			return "", fmt.Errorf("mcp: the tools %q and %q would both be %s in the release; only one of them can be pinned", other, d.Name, name)
		}
		names[name] = d.Name
		if err := pinTool(&b, name, resourceType, d); err != nil {
			return "", fmt.Errorf("mcp: tool %q: %w", d.Name, err)
		}
	}
	return b.String(), nil
}

// described is what Pin reads of a definition.
type described struct {
	Description string `json:"description"`
	Input       struct {
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	} `json:"inputSchema"`
}

const (
	maxDescription = 4096
	maxOneOf       = 256
	maxArguments   = 64
)

func pinTool(b *strings.Builder, name, resourceType string, d Definition) error {
	var about described
	if err := json.Unmarshal(d.Raw, &about); err != nil {
		return fmt.Errorf("its definition is not as MCP has it: %w", err)
	}
	text, err := quote(cut(about.Description, maxDescription))
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  - name: %s\n    resource_type: %s\n    description: %s\n    definition_digest: %s\n", name, resourceType, text, strconv.Quote(d.Digest.String()))
	return pinArguments(b, about)
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

func pinArgument(name string, schema json.RawMessage, required bool) (string, error) {
	var p property
	if err := json.Unmarshal(schema, &p); err != nil { // true, or a schema of another kind
		p = property{}
	}
	kind := "json"
	switch string(p.Type) {
	case `"string"`:
		kind = "string"
	case `"integer"`:
		kind = "long"
	case `"boolean"`:
		kind = "bool"
	case `"array"`:
		if items, err := jsonrpc.Object(p.Items); err == nil && string(items["type"]) == `"string"` {
			kind = "string_set"
		}
	}
	line := fmt.Sprintf("      - {name: %s, type: %s", strconv.Quote(name), kind)
	if required {
		line += ", required: true"
	}
	if kind == "long" {
		line += bound("min", p.Min) + bound("max", p.Max)
	}
	if kind == "string" && len(p.Enum) > 0 && len(p.Enum) <= maxOneOf {
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
