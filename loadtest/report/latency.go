package report

import (
	"fmt"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// latencyAxis and percentileAxis are those of HDR histograms' plots.
var (
	latencyAxis    = Axis{Title: "latency", Scale: Log, Text: Nanoseconds}
	percentileAxis = Axis{Title: "percentile of actions", Scale: Percentile, Text: percentile}
)

const latencyNote = "From the moment at which an action was meant to be sent, so that a late sender does not flatter the system. " +
	"Both axes are logarithmic: each nine takes as much room as the one before."

// manyPhases are too many to show every stage of each.
const manyPhases = 4

// addLatencies gives each of a few phases a section; of many, one compares what agents waited for.
func (d *Document) addLatencies(r *result.Result) {
	if len(r.Phases) >= manyPhases {
		d.add(latenciesSection(r))
		return
	}
	for i := range r.Phases {
		p := &r.Phases[i]
		title := "Latency"
		if len(r.Phases) > 1 {
			title += ", phase " + p.Name
		}
		d.add(Section{
			Title: title, Note: latencyNote,
			Plots:  []Plot{distribution("Distribution for each stage", p.Stages), waterfall(p.Stages)},
			Tables: []Table{stageTable(p.Stages), curveTable(p.Stages)},
		})
	}
}

// latenciesSection compares the last stage over the phases; the stages of each are folded away.
func latenciesSection(r *result.Result) Section {
	var last []result.Stage
	s := Section{Title: "Latency", Note: latencyNote}
	for i := range r.Phases {
		stage := lastStage(&r.Phases[i])
		stage.Name = r.Phases[i].Name
		last = append(last, stage)
		t := stageTable(r.Phases[i].Stages)
		t.Caption, t.Detail = "Stages of phase "+r.Phases[i].Name, true
		s.Tables = append(s.Tables, t)
	}
	s.Plots = []Plot{distribution("Distribution until the last stage, for each phase", last)}
	return s
}

func stageTable(stages []result.Stage) Table {
	return Table{Columns: append([]Column{Words("stage")}, append(Figures("samples"), latencyColumns()...)...), Rows: stageRows(stages)}
}

func curveTable(stages []result.Stage) Table {
	return Table{Caption: "All percentiles", Columns: append([]Column{Words("stage")}, Figures("percentile", "latency")...), Rows: curveRows(stages), Detail: true}
}

func latencyColumns() []Column { return Figures("mean", "p50", "p90", "p99", "p99.9", "max") }

// latencies are a stage's figures in the order of latencyColumns; of no sample, dashes.
func latencies(s *result.Stage) []string {
	values := []time.Duration{s.Mean, s.P50, s.P90, s.P99, s.P999, s.Max}
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = none
		if s.Samples > 0 {
			cells[i] = Span(v)
		}
	}
	return cells
}

func stageRows(stages []result.Stage) [][]string {
	rows := make([][]string, len(stages))
	for i := range stages {
		rows[i] = append([]string{stages[i].Name, Counted(stages[i].Samples)}, latencies(&stages[i])...)
	}
	return rows
}

func curveRows(stages []result.Stage) [][]string {
	var rows [][]string
	for i := range stages {
		for _, q := range curveOf(&stages[i]) {
			rows = append(rows, []string{stages[i].Name, percentile(q.Percentile), Span(q.Value)})
		}
	}
	return rows
}

// curveOf is a stage's distribution; where only a few percentiles are known, those.
func curveOf(s *result.Stage) []result.Quantile {
	if s.Samples == 0 || len(s.Curve) > 0 {
		return s.Curve
	}
	return []result.Quantile{{Percentile: 50, Value: s.P50}, {Percentile: 90, Value: s.P90}, {Percentile: 99, Value: s.P99}, {Percentile: 99.9, Value: s.P999}}
}

// distribution draws one curve for each stage.
func distribution(title string, stages []result.Stage) Plot {
	l := Lines{Title: title, X: percentileAxis, Y: latencyAxis, Desc: "Latency over percentiles."}
	for i := range stages {
		s := &stages[i]
		l.Series = append(l.Series, Series{Name: s.Name, Points: quantiles(s)})
		if s.Samples > 0 {
			l.Desc += fmt.Sprintf(" %s: p50 %s, p99 %s.", s.Name, Span(s.P50), Span(s.P99))
		}
	}
	return l
}

// quantiles leaves out the percentiles beyond what the samples can tell, but for the greatest value: of a hundred
// samples it stands at p99, not at p100.
func quantiles(s *result.Stage) []XY {
	var points []XY
	curve, known := curveOf(s), 100-100/float64(max(s.Samples, 2))
	for i, q := range curve {
		if q.Percentile < known || i == len(curve)-1 {
			points = append(points, XY{min(q.Percentile, known), float64(q.Value)})
		}
	}
	return points
}

// waterfall draws what each stage adds to the one before.
func waterfall(stages []result.Stage) Plot {
	b := Bars{
		Title: "Where the time goes, at p50 (box) and p99 (line)", Axis: Axis{Title: "from the intended sending", Text: Nanoseconds},
		Desc: "Each stage begins where the median of the one before ended.",
	}
	before := 0.0
	for i := range stages {
		s := &stages[i]
		if s.Samples == 0 {
			continue
		}
		at := float64(s.P50)
		b.Bars = append(b.Bars, Bar{
			Name: s.Name, From: min(before, at), To: at, Reach: float64(s.P99), Style: i,
			Text: fmt.Sprintf("+%s", Span(max(s.P50-time.Duration(before), 0))),
		})
		b.Desc += fmt.Sprintf(" %s at %s.", s.Name, Span(s.P50))
		before = max(before, at)
	}
	return b
}
