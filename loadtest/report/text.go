package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

const (
	lineWidth   = 100 // runes of a line of text
	narrowest   = 12  // a column of words is not made narrower than this to fit
	columnSpace = 2
)

// Text writes a result for a terminal: what failed first, then tables of at most 100 columns.
func Text(w io.Writer, r *result.Result) error {
	if r == nil {
		return errNothing
	}
	return Of(r).Text(w)
}

// Text writes a document for a terminal, in lines of at most 100 columns as far as its words can be broken.
func (d *Document) Text(w io.Writer) error {
	b := new(strings.Builder)
	paragraph(b, "", d.verdict()+": "+orUnnamed(d.Title))
	for _, why := range d.Why {
		paragraph(b, "  - ", why)
	}
	if d.Summary != "" {
		b.WriteByte('\n')
		paragraph(b, "", d.Summary)
	}
	if len(d.Facts)+len(d.Params) > 0 {
		b.WriteByte('\n')
		d.factLines(b)
	}
	for _, s := range d.Sections {
		s.text(b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// factLines gives each fact a line, and the parameters, which are many, one line together.
func (d *Document) factLines(b *strings.Builder) {
	rows := make([][]string, len(d.Facts))
	for i, f := range d.Facts {
		rows[i] = []string{f.Name, f.Value}
	}
	if len(d.Params) > 0 {
		params := make([]string, len(d.Params))
		for i, p := range d.Params {
			params[i] = p.Name + "=" + p.Value
		}
		rows = append(rows, []string{"parameters", strings.Join(params, " ")})
	}
	(&Table{Columns: []Column{Words(""), Words("")}, Rows: rows}).text(b)
}

// text leaves out sections that only a page shows.
func (s *Section) text(b *strings.Builder) {
	heading := false
	for _, t := range s.Tables {
		if t.Detail || len(t.Rows) == 0 {
			continue
		}
		if !heading {
			fmt.Fprintf(b, "\n%s\n", visible(s.Title))
			heading = true
		}
		if t.Caption != "" {
			paragraph(b, "", t.Caption)
		}
		t.text(b)
	}
}

// paragraph writes words in lines, the later ones indented as far as the first one's lead.
func paragraph(b *strings.Builder, lead, text string) {
	for _, line := range wrapped(visible(text), lineWidth-utf8.RuneCountInString(lead)) {
		b.WriteString(strings.TrimRight(lead+line, " ") + "\n")
		lead = strings.Repeat(" ", utf8.RuneCountInString(lead))
	}
}

// wrapped breaks a text at spaces into lines of at most width runes, and words that are longer anywhere.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		for {
			joined := word
			if line != "" {
				joined = line + " " + word
			}
			if utf8.RuneCountInString(joined) <= width {
				line = joined
				break
			}
			if line != "" {
				lines, line = append(lines, line), ""
				continue
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
	}
	return append(lines, line)
}

// text writes the table's heading, if it has one, and its rows.
func (t *Table) text(b *strings.Builder) {
	widths := t.widths()
	heading := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		heading[i] = visible(c.Name)
	}
	if strings.Join(heading, "") != "" {
		t.line(b, widths, heading)
	}
	for row := range t.Rows {
		cells := make([]string, len(t.Columns))
		for i := range cells {
			cells[i] = visible(t.cell(row, i))
		}
		t.line(b, widths, cells)
	}
}

// widths are those of the widest cells; columns of words give way until a line fits.
func (t *Table) widths() []int {
	widths, total := make([]int, len(t.Columns)), -columnSpace
	for i, c := range t.Columns {
		widths[i] = utf8.RuneCountInString(visible(c.Name))
		for row := range t.Rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(visible(t.cell(row, i))))
		}
		total += widths[i] + columnSpace
	}
	for total > lineWidth-2 {
		widest := -1
		for i, c := range t.Columns {
			if !c.Figure && widths[i] > narrowest && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}

// line writes one row, over several lines where words were broken.
func (t *Table) line(b *strings.Builder, widths []int, cells []string) {
	parts, height := make([][]string, len(cells)), 1
	for i, cell := range cells {
		parts[i] = []string{cell}
		if !t.Columns[i].Figure {
			parts[i] = wrapped(cell, max(widths[i], 1))
		}
		height = max(height, len(parts[i]))
	}
	for n := range height {
		var out strings.Builder
		for i := range cells {
			part := ""
			if n < len(parts[i]) {
				part = parts[i][n]
			}
			pad := strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(part), 0))
			if t.Columns[i].Figure {
				part, pad = pad, part
			}
			out.WriteString(strings.Repeat(" ", columnSpace) + part + pad)
		}
		b.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	}
}
