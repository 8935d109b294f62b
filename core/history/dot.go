package history

import (
	"fmt"
	"strings"
)

// dotColours fill the nodes by what became of their intents.
var dotColours = map[State]string{
	StateExecuted: "#cfe8cf", StateEvaluated: "#cfe8cf", StateDenied: "#f3cccc", StateVoid: "#f3cccc", StateFailed: "#f7dfb8", StateInterrupted: "#f7dfb8",
	StateAbandoned: "#e6e6e6", StateExpired: "#e6e6e6", StateIndeterminate: "#f7dfb8",
}

// DOT is the graph in Graphviz's language, causes above their effects. Everything
// that people wrote is in quoted strings, escaped.
func (g Graph) DOT() string {
	var b strings.Builder
	b.WriteString("digraph lineage {\n  node [shape=box, style=filled, fillcolor=\"#ffffff\", fontname=\"sans-serif\"];\n")
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "  %s [label=%s%s];\n", dotString(n.Digest), dotString(n.label()...), g.dotStyle(n))
	}
	for _, e := range g.Edges {
		style := ""
		if e.Kind == EdgePrevious {
			style = " [style=dashed]"
		}
		fmt.Fprintf(&b, "  %s -> %s%s;\n", dotString(e.From), dotString(e.To), style)
	}
	if g.Cut {
		b.WriteString("  \"more\" [shape=plaintext, label=\"there is more\"];\n")
	}
	b.WriteString("}\n")
	return b.String()
}

func (g Graph) dotStyle(n Node) string {
	style := ""
	if n.Digest == g.Root {
		style = ", penwidth=2"
	}
	switch {
	case !n.Known:
		return style + ", style=dotted"
	case dotColours[n.Intent.State] != "":
		return style + ", fillcolor=" + dotString(dotColours[n.Intent.State])
	default:
		return style
	}
}

// label is what a node says, line by line.
func (n Node) label() []string {
	if !n.Known {
		return []string{n.Digest[:8], "not on the ledger"}
	}
	in := n.Intent
	return []string{
		in.Position + " " + string(in.State), shortName(in.Agent) + " " + in.Session,
		in.Tool + " " + clean(in.Resource, maxWord),
	}
}

// dotString is a quoted string of several lines. A backslash would begin an
// escape of Graphviz's own, so it is doubled.
func dotString(lines ...string) string {
	for i, line := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(line, maxPhrase))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
