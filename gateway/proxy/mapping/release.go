package mapping

import (
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Tool is an operation as a release knows it.
type Tool struct {
	Name       string
	Operation  string
	Definition trust.Digest
}

// Tools lists the operations in their order.
func (t *Table) Tools() []Tool {
	tools := make([]Tool, len(t.routes))
	for i, r := range t.routes {
		tools[i] = Tool{Name: r.tool, Operation: r.Operation, Definition: r.definition}
	}
	return tools
}

// Entries writes the operations as entries of a release's tools.yaml.
func (t *Table) Entries() (string, error) {
	var b strings.Builder
	for _, r := range t.routes {
		about := strings.TrimSpace(r.Method + " " + r.Path + ". " + r.Description)
		fmt.Fprintf(&b, "  - name: %s\n    resource_type: %s\n    description: %s\n    definition_digest: \"%s\"\n    arguments:\n",
			r.tool, r.ResourceType, quoted(cut(about, maxEntryWords)), r.definition)
		for _, a := range r.Arguments {
			line, err := a.entry()
			if err != nil {
				return "", fmt.Errorf("mapping: %s: argument %q: %w", r.tool, a.Name, err)
			}
			b.WriteString(line)
		}
		fmt.Fprintf(&b, "      - {name: %s, type: string, required: true, max_length: 64}\n", RequestArgument)
	}
	return b.String(), nil
}

func (a Argument) entry() (string, error) {
	line := fmt.Sprintf("      - {name: \"%s\", type: %s", a.Name, a.Type)
	if a.Required || a.In == InPath {
		line += ", required: true"
	}
	if a.MaxLength > 0 {
		line += fmt.Sprintf(", max_length: %d", a.MaxLength)
	}
	if a.Min != nil {
		line += fmt.Sprintf(", min: %d", *a.Min)
	}
	if a.Max != nil {
		line += fmt.Sprintf(", max: %d", *a.Max)
	}
	if len(a.OneOf) > 0 {
		values, err := jsonrpc.Encode(a.OneOf)
		if err != nil {
			return "", err
		}
		line += ", one_of: " + string(values)
	}
	return line + "}\n", nil
}

// Policy writes a first policy: who is in a group may do what only reads. It is meant
// to be read and changed.
func (t *Table) Policy(group string) string {
	var b strings.Builder
	for _, r := range t.routes {
		if !r.reads() {
			fmt.Fprintf(&b, "// Nobody may %s (%s %s) until a policy says so.\n", r.tool, r.Method, r.Path)
			continue
		}
		fmt.Fprintf(&b, "@id(\"%s\")\npermit (principal in Group::\"%s\", action == Action::\"%s\", resource is %s);\n", r.tool, group, r.tool, r.ResourceType)
	}
	return b.String()
}

// Cases writes tests of that policy, for an agent of the group.
func (t *Table) Cases(agent string) string {
	var b strings.Builder
	b.WriteString("cases:\n")
	for _, r := range t.routes {
		verdict := "false"
		if r.reads() {
			verdict = fmt.Sprintf("true\n    policies: [%s]", r.tool)
		}
		fmt.Fprintf(&b, "  - name: %s\n    agent: %s\n    tool: %s\n    resource: %s\n    arguments: %s\n    allow: %s\n",
			quoted(r.Method+" "+r.Path), agent, r.tool, quoted(r.example()), r.exampleArguments(), verdict)
	}
	return b.String()
}

func (r *route) reads() bool { return r.Method == "GET" || r.Method == "HEAD" }

func (r *route) example() string {
	text := r.Resource
	if text == "" {
		text = r.Path
	}
	return placeholder.ReplaceAllString(text, "x")
}

// exampleArguments are the least that the types admit.
func (r *route) exampleArguments() string {
	out := []string{fmt.Sprintf("%s: \"%s\"", RequestArgument, strings.Repeat("0", 64))}
	for _, a := range r.Arguments {
		if a.Required || a.In == InPath {
			out = append(out, fmt.Sprintf("\"%s\": %s", a.Name, a.example()))
		}
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func (a Argument) example() string {
	switch a.Type {
	case "long":
		return fmt.Sprint(a.least())
	case "bool":
		return "false"
	case "string_set", "long_set":
		return "[]"
	case "decimal":
		return `"0.0"`
	}
	if len(a.OneOf) > 0 {
		return string(quoted(a.OneOf[0]))
	}
	return `"x"`
}

func (a Argument) least() int64 {
	switch {
	case a.Min != nil:
		return *a.Min
	case a.Max != nil:
		return min(0, *a.Max)
	default:
		return 0
	}
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
