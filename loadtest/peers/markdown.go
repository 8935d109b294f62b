package peers

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/loadtest/report"
)

// The lines between which a document has a result.
const (
	MarkBegin = "<!-- peers:begin -->"
	MarkEnd   = "<!-- peers:end -->"
)

// errMarks reports a document with no place for a result.
var errMarks = errors.New("the document needs one line " + MarkBegin + " and, behind it, one line " + MarkEnd)

// Insert puts a result into a document, between its marks. What stands outside of them stays as it is, byte for byte.
func Insert(document []byte, r *Result) ([]byte, error) {
	begin, end := []byte(MarkBegin+"\n"), []byte(MarkEnd+"\n")
	if bytes.Count(document, begin) != 1 || bytes.Count(document, end) != 1 {
		return nil, errMarks
	}
	before, rest, _ := bytes.Cut(document, begin)
	_, after, ok := bytes.Cut(rest, end)
	if !ok {
		return nil, errMarks
	}
	return bytes.Join([][]byte{before, begin, []byte(Markdown(r)), end, after}, nil), nil
}

// Markdown is a result as a section of a document. Two runs with the same programs and parameters differ in figures only.
func Markdown(r *Result) string {
	var b strings.Builder
	b.WriteString("\n")
	list := func(name, value string) { fmt.Fprintf(&b, "- %s: %s\n", name, escaped(value)) }
	for _, f := range report.MachineFacts(r.Machine) {
		if f.Name == "machine" {
			list(f.Name, f.Value)
		}
	}
	list("date", r.Begun.Format("2 January 2006"))
	list("each figure", fmt.Sprintf("%v, after a third of it to warm up", r.For))
	for _, p := range r.Programs {
		list(p.Name, p.told())
	}
	for _, t := range r.Tasks {
		list("policies "+whole(t.Policies), fmt.Sprintf("%d questions, %.0f %% of them allowed", t.Questions, 100*t.Allowed))
	}
	for _, t := range r.tables() {
		if len(t.table.Rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n", t.title)
		if t.note != "" {
			b.WriteString(escaped(t.note) + "\n\n")
		}
		markdownTable(&b, t.table)
	}
	b.WriteString("\n")
	return b.String()
}

func markdownTable(b *strings.Builder, t report.Table) {
	cells := make([]string, len(t.Columns))
	rules := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		cells[i], rules[i] = escaped(c.Name), "---"
		if c.Figure {
			rules[i] = "---:"
		}
	}
	row := func(cells []string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	row(cells)
	fmt.Fprintf(b, "|%s|\n", strings.Join(rules, "|"))
	for _, r := range t.Rows {
		for i := range cells {
			cells[i] = ""
			if i < len(r) {
				cells[i] = escaped(r[i])
			}
		}
		row(cells)
	}
}

// escaped keeps a text in its cell and in its line, and from being markup.
func escaped(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
}
