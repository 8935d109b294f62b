package report

import "fmt"

// Bars is a drawing of horizontal bars on one axis. A bar that does not begin at zero shows what one step of several
// took.
type Bars struct {
	Title, Desc string
	Axis        Axis // Linear
	Bars        []Bar
}

// Bar is one bar, and a thinner line as far as Reach, if that is beyond its end.
type Bar struct {
	Name     string
	From, To float64
	Reach    float64
	Text     string // written after it
	Style    int
}

const barHeight = 30.0

func (b Bars) draw() drawing {
	p := paper{left: 132, right: 120, top: 10, bottom: 46, width: 680, height: 56 + barHeight*float64(len(b.Bars))}
	var values []float64
	for _, bar := range b.Bars {
		values = append(values, bar.From, bar.To, bar.Reach)
	}
	x := b.Axis.over(values)
	d := drawing{Title: b.Title, Desc: b.Desc, Width: int(p.width), Height: int(p.height)}
	for _, t := range x.ticks() {
		at1 := p.x(t.at)
		d.Grid = append(d.Grid, stroke{at(at1), at(p.y(0)), at(at1), at(p.y(1)), "grid"})
		d.Labels = append(d.Labels, label{at(at1), at(p.y(0) + 18), "tick middle", t.text})
	}
	d.Labels = append(d.Labels, label{at(p.x(1)), at(p.height - 8), "title end", b.Axis.Title})
	for i, bar := range b.Bars {
		bar.draw(&d, p, x, p.top+barHeight*float64(i))
	}
	return d
}

func (b Bar) draw(d *drawing, p paper, x room, top float64) {
	middle := top + barHeight/2
	d.Labels = append(d.Labels, label{at(p.left - 8), at(middle + 4), "name end", shortened(b.Name, 18)})
	if !x.fits(b.From) || !x.fits(b.To) {
		d.Labels = append(d.Labels, label{at(p.left + 6), at(middle + 4), "name", none})
		return
	}
	from, to := p.x(x.place(b.From)), p.x(x.place(b.To))
	end := to
	if x.fits(b.Reach) && b.Reach > b.To {
		end = p.x(x.place(b.Reach))
		d.Grid = append(d.Grid, stroke{at(to), at(middle), at(end), at(middle), "reach"}, stroke{at(end), at(middle - 5), at(end), at(middle + 5), "reach"})
	}
	d.Boxes = append(d.Boxes, box{at(from), at(top + 5), at(max(to-from, 1)), at(barHeight - 10), fmt.Sprintf("bar s%d", b.Style%styles), b.Name + ": " + b.Text})
	d.Labels = append(d.Labels, label{at(end + 6), at(middle + 4), "name", b.Text})
}
