package report

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"html/template"
	"io"
	"strings"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

//go:embed page.gohtml
var pageText string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Parse(pageText))

// HTML writes a result as one page that asks for nothing from anywhere: no script, no picture, no font. Its policy
// forbids all but its own style.
func HTML(w io.Writer, r *result.Result) error {
	if r == nil {
		return errNothing
	}
	return Of(r).HTML(w)
}

// HTML writes a document as a page; see the function HTML.
func (d *Document) HTML(w io.Writer) error {
	v := view{
		Verdict: d.verdict(), Holds: d.Holds, Title: visible(orUnnamed(d.Title)), Summary: visible(d.Summary), Why: visibles(d.Why),
		Facts: visibleFacts(d.Facts), Params: visibleFacts(d.Params), Style: template.CSS(style), Policy: policy(), //nolint:gosec // the style is the file above
	}
	for _, s := range d.Sections {
		v.Sections = append(v.Sections, v.section(s))
	}
	b := new(strings.Builder)
	if err := page.Execute(b, v); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// view is what the page's template takes.
type view struct {
	Verdict, Title, Summary string
	Holds                   bool
	Why                     []string
	Facts, Params           []Fact
	Sections                []sectionView
	Style                   template.CSS
	Policy                  string
	drawn                   int
}

type sectionView struct {
	Title, Note string
	Drawings    []drawing
	Tables      []tableView
}

type tableView struct {
	Name    string // for who cannot see where it stands
	Caption string
	Columns []Column
	Rows    [][]string
	Detail  bool
}

func (v *view) section(s Section) sectionView {
	out := sectionView{Title: visible(s.Title), Note: visible(s.Note)}
	for _, p := range s.Plots {
		v.drawn++
		d := p.draw()
		d.Number = v.drawn
		out.Drawings = append(out.Drawings, d.visible())
	}
	for _, t := range s.Tables {
		if len(t.Rows) == 0 {
			continue
		}
		tv := tableView{Name: out.Title, Caption: visible(t.Caption), Columns: visibleColumns(t.Columns), Detail: t.Detail}
		if tv.Caption != "" {
			tv.Name += ": " + tv.Caption
		}
		for i := range t.Rows {
			row := make([]string, len(t.Columns))
			for j := range row {
				row[j] = visible(t.cell(i, j))
			}
			tv.Rows = append(tv.Rows, row)
		}
		out.Tables = append(out.Tables, tv)
	}
	return out
}

func visibles(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = visible(s)
	}
	return out
}

func visibleColumns(columns []Column) []Column {
	out := make([]Column, len(columns))
	for i, c := range columns {
		out[i] = Column{visible(c.Name), c.Figure}
	}
	return out
}

func visibleFacts(facts []Fact) []Fact {
	out := make([]Fact, len(facts))
	for i, f := range facts {
		out[i] = Fact{visible(f.Name), visible(f.Value)}
	}
	return out
}

// policy is the page's Content-Security-Policy: nothing but the one style, named by its digest.
func policy() string {
	digest := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
}
