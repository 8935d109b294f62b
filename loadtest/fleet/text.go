package fleet

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/report"
)

// Text writes a result for a terminal.
func Text(w io.Writer, r *Result) error { return r.Document().Text(w) }

// HTML writes a result as one page.
func HTML(w io.Writer, r *Result) error { return r.Document().HTML(w) }

// Document is the result as a report says it.
func (r *Result) Document() *report.Document {
	d := &report.Document{
		Title:   "fleet",
		Summary: "How halts and heartbeats fare as executors become more. All share the processors of one machine with the broker, so each figure contains the work of all.",
		Holds:   r.Holds(), Facts: report.MachineFacts(r.Machine), Params: report.ParamFacts(r.Params),
	}
	for _, c := range r.Expected {
		if !c.Holds {
			d.Why = append(d.Why, fmt.Sprintf("failed: %s; found: %s", c.What, c.Found))
		}
	}
	switch {
	case d.Holds:
		d.Why = []string{"every follower folded every halt; every heartbeat that was heard was authentic"}
	case len(d.Why) == 0:
		d.Why = []string{"nothing was measured"}
	}
	if len(r.Sizes) > 0 {
		d.Sections = []report.Section{r.haltSection(), r.memorySection(), r.beatSection(), r.zoneSection(), r.growthSection()}
	}
	return d
}

// followersAxis grows tenfold as sizes do.
var followersAxis = report.Axis{Title: "followers", Scale: report.Log, Text: report.Number}

// over is one curve over the sizes.
func (r *Result) over(name string, value func(*Size) float64) report.Series {
	s := report.Series{Name: name}
	for i := range r.Sizes {
		s.Points = append(s.Points, report.XY{X: float64(r.Sizes[i].Followers), Y: value(&r.Sizes[i])})
	}
	return s
}

// rows is one row for each size, with the number of followers before it.
func (r *Result) rows(cells func(*Size) []string) [][]string {
	rows := make([][]string, len(r.Sizes))
	for i := range r.Sizes {
		rows[i] = append([]string{strconv.Itoa(r.Sizes[i].Followers)}, cells(&r.Sizes[i])...)
	}
	return rows
}

func (r *Result) haltSection() report.Section {
	return report.Section{
		Title: "Halts",
		Note:  "From the acknowledgement of a halt until each follower, and the last of them, had verified and folded it; “sooner” is before the acknowledgement. “Alone” is what one follower needs for it when nobody else is at work.",
		Plots: []report.Plot{report.Lines{
			Title: "From a halt's acknowledgement until it is folded", Desc: "Time until followers had folded a halt, over their number.",
			X: followersAxis, Y: report.Axis{Title: "time", Scale: report.Log, Text: report.Nanoseconds},
			Series: []report.Series{
				r.over("each, p50", func(s *Size) float64 { return float64(s.Halts.Each.P50) }),
				r.over("each, p99", func(s *Size) float64 { return float64(s.Halts.Each.P99) }),
				r.over("last, p50", func(s *Size) float64 { return float64(s.Halts.Last.P50) }),
				r.over("last, max", func(s *Size) float64 { return float64(s.Halts.Last.Max) }),
			},
		}},
		Tables: []report.Table{{
			Columns: report.Figures("followers", "halts", "arrived p50", "p99", "folded p50", "p99", "max", "last p50", "last max", "alone"),
			Rows: r.rows(func(s *Size) []string {
				h := &s.Halts
				return append([]string{strconv.Itoa(h.Count)}, spans(h.Arrived.P50, h.Arrived.P99, h.Each.P50, h.Each.P99, h.Each.Max, h.Last.P50, h.Last.Max, h.Own)...)
			}),
		}},
	}
}

// soonest is what a distribution makes of zero and less: a follower was faster than the acknowledgement.
const soonest = 2 * time.Microsecond

func spans(all ...time.Duration) []string {
	cells := make([]string, len(all))
	for i, d := range all {
		cells[i] = report.Measured(d)
		if d > 0 && d < soonest {
			cells[i] = "sooner"
		}
	}
	return cells
}

func (r *Result) memorySection() report.Section {
	resident := r.over("resident", func(s *Size) float64 { return float64(s.Memory.Resident) })
	heap := r.over("heap", func(s *Size) float64 { return float64(s.Memory.Heap) })
	parts := report.Table{Caption: "Whose heap it is, per follower, by a sampling profile: exact only where it is large", Columns: append(report.Figures("followers"), report.Words("part"), report.Figures("bytes")[0])}
	for i := range r.Sizes {
		for _, p := range r.Sizes[i].Memory.Parts {
			if p.Bytes > 0 {
				parts.Rows = append(parts.Rows, []string{strconv.Itoa(r.Sizes[i].Followers), p.Name, report.Volume(float64(p.Bytes))})
			}
		}
	}
	return report.Section{
		Title: "Memory",
		Note:  "What one follower adds to the process that holds it and the broker: both ends of its connection, its stream, its fold. Resident is what the system gave; heap also has what was never touched.",
		Plots: []report.Plot{report.Lines{
			Title: "Memory per follower", Desc: "Resident memory and heap that one follower adds, over their number.",
			X: followersAxis, Y: report.BytesAxis("per follower", append(resident.Points, heap.Points...)), Series: []report.Series{resident, heap},
		}},
		Tables: []report.Table{{
			Columns: report.Figures("followers", "resident", "heap", "stacks", "goroutines", "all read after", "whole process"),
			Rows: r.rows(func(s *Size) []string {
				m := &s.Memory
				return []string{
					report.Volume(float64(m.Resident)), report.Volume(float64(m.Heap)), report.Volume(float64(m.Stacks)), report.Number(m.Goroutines),
					report.Measured(m.CaughtUp), report.Volume(float64(m.Total)),
				}
			}),
		}, parts},
	}
}

func (r *Result) beatSection() report.Section {
	return report.Section{
		Title: "Heartbeats",
		Note:  "Everybody beats once in each interval, and gives up a heartbeat that is not acknowledged within it. Folded is what one sentinel's fold came to; what does not fit in its queue is lost. Age is that of a heartbeat when it was folded. The last two columns are how many a second the broker takes from all connections at once, and one fold by itself.",
		Plots: []report.Plot{report.Lines{
			Title: "Heartbeats a second", Desc: "How many heartbeats a second were asked for, sent, acknowledged in time and folded, over the number of beaters.",
			X: report.Axis{Title: "beaters", Scale: report.Log, Text: report.Number}, Y: report.Axis{Title: "a second", Scale: report.Log, Text: report.Number},
			Series: []report.Series{r.beats("asked", func(b *Beaters) float64 { return b.Asked }), r.beats("sent", func(b *Beaters) float64 { return b.Sent }), r.beats("acked", func(b *Beaters) float64 { return b.Acked }), r.beats("folded", func(b *Beaters) float64 { return b.Folded })},
		}},
		Tables: []report.Table{{
			Columns: report.Figures("beaters", "interval", "asked/s", "sent/s", "acked/s", "folded/s", "age p50", "p99", "broker/s", "fold/s"),
			Rows: r.beaterRows(func(b *Beaters) []string {
				return []string{
					report.Measured(b.Interval), report.Number(b.Asked), report.Number(b.Sent), report.Number(b.Acked), report.Number(b.Folded),
					report.Measured(b.Age.P50), report.Measured(b.Age.P99), report.Number(b.Broker), report.Number(b.Fold),
				}
			}),
		}},
	}
}

// beats is one curve over the numbers of beaters.
func (r *Result) beats(name string, value func(*Beaters) float64) report.Series {
	s := report.Series{Name: name}
	for i := range r.Sizes {
		s.Points = append(s.Points, report.XY{X: float64(r.Sizes[i].Beaters.Count), Y: value(&r.Sizes[i].Beaters)})
	}
	return s
}

func (r *Result) beaterRows(cells func(*Beaters) []string) [][]string {
	rows := make([][]string, len(r.Sizes))
	for i := range r.Sizes {
		rows[i] = append([]string{strconv.Itoa(r.Sizes[i].Beaters.Count)}, cells(&r.Sizes[i].Beaters)...)
	}
	return rows
}

func (r *Result) zoneSection() report.Section {
	return report.Section{
		Title: "A zone of so many",
		Note:  "What everybody needs besides, because the directory and the ledger name them all: until all credentials stood on the ledger; until a new follower had folded them; what it then holds; and what each participant takes in the broker's memory, connected or not.",
		Tables: []report.Table{{
			Columns: report.Figures("participants", "introduced after", "a start takes", "a follower holds", "broker, each"),
			Rows: r.beaterRows(func(b *Beaters) []string {
				return []string{report.Measured(b.Introduced), report.Measured(b.Start), report.Volume(float64(b.Held)), report.Volume(float64(b.Accounts))}
			}),
		}},
	}
}

// growthSection says by what factor figures grow from size to size.
func (r *Result) growthSection() report.Section {
	t := report.Table{Columns: append([]report.Column{report.Words("from, to")}, report.Figures("followers", "last folded (p50)", "resident each", "heap each", "beaters", "folded/s", "a start takes")...)}
	for i := 1; i < len(r.Sizes); i++ {
		a, b := &r.Sizes[i-1], &r.Sizes[i]
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%d, %d", a.Followers, b.Followers), times(float64(b.Followers), float64(a.Followers)),
			times(late(b.Halts.Last.P50), late(a.Halts.Last.P50)), times(float64(b.Memory.Resident), float64(a.Memory.Resident)), times(float64(b.Memory.Heap), float64(a.Memory.Heap)),
			times(float64(b.Beaters.Count), float64(a.Beaters.Count)), times(b.Beaters.Folded, a.Beaters.Folded), times(float64(b.Beaters.Start), float64(a.Beaters.Start)),
		})
	}
	return report.Section{Title: "Growth", Note: "By what factor each figure grows from one size to the next.", Tables: []report.Table{t}}
}

// late is how long after the acknowledgement, 0 when it was sooner.
func late(d time.Duration) float64 {
	if d < soonest {
		return 0
	}
	return float64(d)
}

// times is a factor; of nothing, or of something less, there is none.
func times(now, before float64) string {
	if before <= 0 || now < 0 {
		return "–"
	}
	return "×" + report.Number(now/before)
}
