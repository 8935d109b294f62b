package report

import "strings"

// Document is what a report says, before anybody knows whether it becomes text or a page. Make one for figures that
// result.Result has no place for; Text and HTML make theirs.
type Document struct {
	Title    string
	Summary  string   // what was asked, in a sentence
	Holds    bool     // false unless said
	Why      []string // what failed, or what the verdict rests on
	Facts    []Fact   // when and where
	Params   []Fact   // what shaped the load
	Sections []Section
}

// Fact is one thing that the figures depend on.
type Fact struct{ Name, Value string }

// Section is one subject: drawings, and the same figures as tables.
type Section struct {
	Title  string
	Note   string // how to read it
	Plots  []Plot
	Tables []Table
}

// Table is rows under columns. A row may be shorter than the columns; what is missing is empty.
type Table struct {
	Caption string
	Columns []Column
	Rows    [][]string
	Detail  bool // long: folded away on a page, left out of text
}

// Column is a column's heading and whether its cells are words or figures.
type Column struct {
	Name   string
	Figure bool // aligned right, never wrapped
}

// Words is a column of words.
func Words(name string) Column { return Column{Name: name} }

// Figures are columns of figures.
func Figures(names ...string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i] = Column{Name: name, Figure: true}
	}
	return columns
}

// cell is a row's cell, empty when the row is shorter.
func (t Table) cell(row, column int) string {
	if column >= len(t.Rows[row]) {
		return ""
	}
	return t.Rows[row][column]
}

// verdict is the first line of everything.
func (d *Document) verdict() string {
	if d.Holds {
		return "HOLDS"
	}
	return "DOES NOT HOLD"
}

func orUnnamed(title string) string {
	if strings.TrimSpace(title) == "" {
		return "a run without a name"
	}
	return title
}
