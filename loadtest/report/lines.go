package report

import (
	"fmt"
	"slices"
)

// Lines is a drawing of curves over two axes.
type Lines struct {
	Title, Desc string // what it is, and what it shows in words
	X, Y        Axis
	Series      []Series
}

// Series is one curve. Its colour, dashes and marks follow from its place among the others, and its name stands at
// its end, so that no colour has to be told apart.
type Series struct {
	Name   string
	Points []XY
}

// XY is one point of a curve.
type XY struct{ X, Y float64 }

const (
	styles     = 8  // the style sheet has so many kinds of curves and boxes; then they begin again
	marksShown = 64 // a curve of more points has no marks
	nameSpace  = 14.0
)

func (l Lines) draw() drawing {
	p := paper{left: 68, right: 108, top: 28, bottom: 46, width: 680, height: 320}
	x, y := l.rooms()
	d := drawing{Title: l.Title, Desc: l.Desc, Width: int(p.width), Height: int(p.height)}
	axes(&d, p, x, y)
	var ends []ending
	for i, s := range l.Series {
		if end, ok := l.curve(&d, p, x, y, s, i%styles); ok {
			ends = append(ends, end)
		}
	}
	nameEnds(&d, p, ends)
	return d
}

// rooms are the axes over every point that can be drawn.
func (l Lines) rooms() (x, y room) {
	var xs, ys []float64
	for _, s := range l.Series {
		for _, point := range s.Points {
			if l.X.fits(point.X) && l.Y.fits(point.Y) {
				xs, ys = append(xs, point.X), append(ys, point.Y)
			}
		}
	}
	return l.X.over(xs), l.Y.over(ys)
}

// axes draws a grid with round values.
func axes(d *drawing, p paper, x, y room) {
	for _, t := range y.ticks() {
		at1 := p.y(t.at)
		d.Grid = append(d.Grid, stroke{at(p.x(0)), at(at1), at(p.x(1)), at(at1), "grid"})
		d.Labels = append(d.Labels, label{at(p.x(0) - 8), at(at1 + 4), "tick end", t.text})
	}
	for _, t := range x.ticks() {
		at1 := p.x(t.at)
		d.Grid = append(d.Grid, stroke{at(at1), at(p.y(0)), at(at1), at(p.y(1)), "grid"})
		d.Labels = append(d.Labels, label{at(at1), at(p.y(0) + 18), "tick middle", t.text})
	}
	d.Grid = append(d.Grid, stroke{at(p.x(0)), at(p.y(0)), at(p.x(1)), at(p.y(0)), "axis"})
	d.Labels = append(d.Labels,
		label{at(p.x(0) - 60), at(p.y(1) - 14), "title", y.Title},
		label{at(p.x(1)), at(p.height - 8), "title end", x.Title})
}

// ending is where a curve ends, to write its name there.
type ending struct {
	y     float64
	name  string
	style int
}

// curve draws a series; points that do not fit the axes are left out.
func (l Lines) curve(d *drawing, p paper, x, y room, s Series, style int) (ending, bool) {
	var xs, ys []float64
	var hints []string
	for _, point := range s.Points {
		if l.X.fits(point.X) && l.Y.fits(point.Y) {
			xs, ys = append(xs, p.x(x.place(point.X))), append(ys, p.y(y.place(point.Y)))
			hints = append(hints, fmt.Sprintf("%s: %s at %s", s.Name, y.Text(point.Y), x.Text(point.X)))
		}
	}
	if len(xs) == 0 {
		return ending{}, false
	}
	d.Curves = append(d.Curves, curve{path(xs, ys), fmt.Sprintf("line s%d", style)})
	if len(xs) <= marksShown {
		for i := range xs {
			d.Marks = append(d.Marks, mark{at(xs[i]), at(ys[i]), fmt.Sprintf("mark s%d", style), hints[i]})
		}
	}
	return ending{ys[len(ys)-1], s.Name, style}, true
}

// nameEnds writes names beside the ends of their curves, moved apart where they would overlap.
func nameEnds(d *drawing, p paper, ends []ending) {
	slices.SortStableFunc(ends, func(a, b ending) int {
		switch {
		case a.y < b.y:
			return -1
		case a.y > b.y:
			return 1
		}
		return 0
	})
	for i := 1; i < len(ends); i++ {
		ends[i].y = max(ends[i].y, ends[i-1].y+nameSpace)
	}
	floor := p.y(0)
	for i := len(ends) - 1; i >= 0; i-- {
		ends[i].y = min(ends[i].y, floor)
		floor = ends[i].y - nameSpace
	}
	for _, e := range ends {
		x := p.x(1) + 6
		d.Curves = append(d.Curves, curve{path([]float64{x, x + 16}, []float64{e.y, e.y}), fmt.Sprintf("line s%d", e.style)})
		d.Labels = append(d.Labels, label{at(x + 20), at(e.y + 4), "name", shortened(e.name, 12)})
	}
}

// shortened keeps a name within the paper; the whole one stands in the table beside it.
func shortened(s string, length int) string {
	runes := []rune(visible(s))
	if len(runes) <= length {
		return string(runes)
	}
	return string(runes[:length-1]) + "…"
}
