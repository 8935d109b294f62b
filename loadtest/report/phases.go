package report

import (
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// phasesSection compares the phases with each other; the latency is the last stage's.
func phasesSection(r *result.Result) Section {
	s := Section{Title: "Rate and latency"}
	t := Table{Columns: append([]Column{Words("phase")}, Figures("took", "offered/s", "achieved/s", "sent", "p50", "p99", "p99.9", "max")...)}
	for i := range r.Phases {
		p := &r.Phases[i]
		row := []string{p.Name, Measured(p.Took), offered(p), rate(p.Achieved), Counted(p.Sent)}
		last := lastStage(p)
		t.Rows = append(t.Rows, append(row, pick(latencies(&last), 1, 3, 4, 5)...))
	}
	s.Tables = []Table{t}
	if len(r.Phases) > 1 {
		s.Plots = []Plot{achieved(r), latencyByRate(r)}
	}
	return s
}

// offered is what was asked of a phase; a closed loop asks for as many as come back.
func offered(p *result.Phase) string {
	if p.Offered == 0 {
		return "all"
	}
	return Number(p.Offered)
}

func pick(cells []string, which ...int) []string {
	out := make([]string, len(which))
	for i, n := range which {
		out[i] = cells[n]
	}
	return out
}

// lastStage is what an agent waits for; of a phase without stages, an empty one.
func lastStage(p *result.Phase) result.Stage {
	if len(p.Stages) == 0 {
		return result.Stage{}
	}
	return p.Stages[len(p.Stages)-1]
}

// achieved draws what was reached against what was asked.
func achieved(r *result.Result) Plot {
	b := Bars{Title: "Actions a second, by phase", Desc: "What each phase achieved.", Axis: Axis{Title: "actions a second", Text: Number}}
	for i := range r.Phases {
		p := &r.Phases[i]
		text := Number(p.Achieved)
		if p.Offered > 0 {
			text += " of " + Number(p.Offered)
		}
		b.Bars = append(b.Bars, Bar{Name: p.Name, To: p.Achieved, Reach: p.Offered, Text: text})
		b.Desc += " " + p.Name + ": " + text + "."
	}
	return b
}

// latencyByRate draws the last stage's latency over what was achieved.
func latencyByRate(r *result.Result) Plot {
	l := Lines{
		Title: "Latency until the last stage, by rate", Desc: "Median and 99th percentile of each phase over what it achieved.",
		X: Axis{Title: "achieved, actions a second", Text: Number}, Y: latencyAxis,
	}
	p50, p99 := Series{Name: "p50"}, Series{Name: "p99"}
	for i := range r.Phases {
		s := lastStage(&r.Phases[i])
		if s.Samples == 0 {
			continue
		}
		p50.Points = append(p50.Points, XY{r.Phases[i].Achieved, float64(s.P50)})
		p99.Points = append(p99.Points, XY{r.Phases[i].Achieved, float64(s.P99)})
	}
	l.Series = []Series{p50, p99}
	return l
}
