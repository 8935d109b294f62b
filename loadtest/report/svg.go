package report

import (
	"strconv"
	"strings"
)

// Plot is a drawing: Lines or Bars.
type Plot interface{ draw() drawing }

// drawing is an SVG's shapes, in the order in which they cover each other. Colours, dashes and letters are the
// style sheet's; shapes name classes only.
type drawing struct {
	Number        int // of the drawings on one page
	Title, Desc   string
	Width, Height int
	Grid          []stroke
	Boxes         []box
	Curves        []curve
	Marks         []mark
	Labels        []label
}

type stroke struct {
	X1, Y1, X2, Y2 string
	Class          string
}

type box struct {
	X, Y, W, H string
	Class      string
	Hint       string // told when a pointer rests on it
}

type curve struct{ Path, Class string }

type mark struct {
	X, Y  string
	Class string
	Hint  string
}

type label struct {
	X, Y  string
	Class string
	Text  string
}

// visible is the drawing with all its words made visible.
func (d drawing) visible() drawing {
	d.Title, d.Desc = visible(d.Title), visible(d.Desc)
	for i := range d.Boxes {
		d.Boxes[i].Hint = visible(d.Boxes[i].Hint)
	}
	for i := range d.Marks {
		d.Marks[i].Hint = visible(d.Marks[i].Hint)
	}
	for i := range d.Labels {
		d.Labels[i].Text = visible(d.Labels[i].Text)
	}
	return d
}

// paper is how far shapes stand from the drawing's edges.
type paper struct{ left, right, top, bottom, width, height float64 }

func (p paper) x(place float64) float64 { return p.left + place*(p.width-p.left-p.right) }
func (p paper) y(place float64) float64 { return p.height - p.bottom - place*(p.height-p.top-p.bottom) }

// at writes a coordinate; a tenth of a unit is finer than a screen shows.
func at(v float64) string {
	if !finite(v) {
		return "0"
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

// path joins points by straight lines.
func path(xs, ys []float64) string {
	var b strings.Builder
	for i := range xs {
		b.WriteByte("ML"[min(i, 1)])
		b.WriteString(at(xs[i]) + " " + at(ys[i]))
	}
	return b.String()
}
