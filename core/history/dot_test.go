package history_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/history"
)

// Statements of DOT as this package writes it.
var (
	dotQuoted = `"(?:[^"\\]|\\.)*"`
	dotNode   = regexp.MustCompile(`^  ` + dotQuoted + ` \[[a-z]+=(?:` + dotQuoted + `|[a-z0-9]+)(?:, [a-z]+=(?:` + dotQuoted + `|[a-z0-9]+))*\];$`)
	dotEdge   = regexp.MustCompile(`^  ` + dotQuoted + ` -> ` + dotQuoted + `(?: \[style=dashed\])?;$`)
)

// checkDOT reads DOT line by line: one statement each, nothing between them.
func checkDOT(tb rapid.TB, text string, nodes, edges int) {
	tb.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 || lines[0] != "digraph lineage {" || !strings.HasPrefix(lines[1], "  node [") || lines[len(lines)-1] != "}" {
		tb.Fatalf("no digraph:\n%s", text)
	}
	for _, line := range lines[2 : len(lines)-1] {
		switch {
		case strings.HasPrefix(line, `  "more" [`):
		case dotNode.MatchString(line):
			nodes--
		case dotEdge.MatchString(line):
			edges--
		default:
			tb.Fatalf("no statement: %s", line)
		}
	}
	if nodes != 0 || edges != 0 {
		tb.Fatalf("%d nodes and %d edges are missing:\n%s", nodes, edges, text)
	}
}

// FuzzTextIsPrintable: whatever agents write, text is printable, and DOT is DOT.
func FuzzTextIsPrintable(f *testing.F) {
	f.Add("notes.txt", "main", "spiffe://example.test/z1/agent/alice")
	f.Add("\x1b[2J\"];\n}", `\"`, "\\")
	f.Add("\u202egnp.exe\xff", "\u00a0", `a" -> "b`)
	f.Add(strings.Repeat("𝕏\\", 5000), "", "")
	f.Fuzz(func(t *testing.T, resource, session, agent string) {
		in := history.Intent{
			Position: "17.0", Digest: strings.Repeat("ab", 32), Agent: agent, InNameOf: resource, Session: session, Tool: resource, Resource: session, State: history.StateOpen,
			Delegation: []history.Link{{Delegator: agent, Delegate: resource, Tools: []string{session}}},
			Decisions:  []history.Decision{{By: agent, Verdict: "DENY", Policies: []string{resource, session}}},
			Approvals:  []history.Approval{{By: agent, Note: resource}},
		}
		g := history.Between([]history.Intent{in})
		checkDOT(t, g.DOT(), 1, 0)
		g.Root = in.Digest
		standing := history.Standing{
			Halts: []history.Halt{{Scope: resource, Reason: session}}, Revoked: []string{agent}, Pulse: &history.Pulse{Fault: resource}, Agents: []history.AgentStanding{},
		}
		for _, text := range []string{
			in.String(), g.String(), history.Rows([]history.Intent{in}), history.Chain{Agent: agent, Session: session, Links: []history.ChainLink{{Intent: in}}}.String(),
			standing.String(), history.Governed{Record: "halt", Scope: agent, Rule: session, Subject: session, Revoked: resource, Reason: resource, By: []string{agent}}.String(),
			history.Touched{Identity: agent, Keys: []history.Introduced{{Key: in.Digest, Identity: resource}}}.String(),
		} {
			for _, r := range text {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%q holds %q", text, r)
				}
			}
		}
	})
}

// TestDOTEscapes: a quote, a backslash and a line break of an agent's stay inside
// their string.
func TestDOTEscapes(t *testing.T) {
	in := history.Intent{Digest: strings.Repeat("0", 64), Tool: "read", Resource: "a\"b\\n\nc"}
	text := history.Between([]history.Intent{in}).DOT()
	if want := `read a\"b\\n\\nc`; !strings.Contains(text, want) {
		t.Errorf("%s\nholds no %s", text, want)
	}
	checkDOT(t, text, 1, 0)
	if fmt.Sprint(history.Graph{}) != "" {
		t.Error("the zero graph says something")
	}
}
