package report

import (
	"fmt"
	"io"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Compare writes several results side by side for a terminal; see Comparison.
func Compare(w io.Writer, results []*result.Result) error {
	d, err := Comparison(results)
	if err != nil {
		return err
	}
	return d.Text(w)
}

// CompareHTML writes several results side by side as a page; see Comparison.
func CompareHTML(w io.Writer, results []*result.Result) error {
	d, err := Comparison(results)
	if err != nil {
		return err
	}
	return d.HTML(w)
}

// Comparison is the document of several results: one row for each phase of each, and the parameters in which they
// differ. It holds if each of them does. Results of different machines stand beside each other with a warning.
func Comparison(results []*result.Result) (*Document, error) {
	if len(results) == 0 {
		return nil, errNothing
	}
	for _, r := range results {
		if r == nil {
			return nil, errNothing
		}
	}
	names := runNames(results)
	d := &Document{Title: "comparison", Summary: plural(uint64(len(results)), "run") + " side by side.", Holds: true}
	for i, r := range results {
		if !r.Holds() {
			d.Holds = false
			for _, line := range why(r) {
				d.Why = append(d.Why, names[i]+": "+line)
			}
		}
		if r.Machine != results[0].Machine {
			d.Facts = append(d.Facts, Fact{"NOT ALIKE", names[i] + " ran on another machine or build: " + MachineFacts(r.Machine)[0].Value + ", build " + orNothing(r.Machine.Build)})
		}
	}
	if d.Holds {
		d.Why = []string{"each of the runs holds"}
	}
	d.Facts = append(MachineFacts(results[0].Machine), d.Facts...)
	d.Params = sharedParams(results)
	d.add(paramsSection(names, results))
	d.add(figuresSection(names, results))
	d.add(costSection(names, results))
	return d, nil
}

// runNames tell the runs apart, also those of one scenario.
func runNames(results []*result.Result) []string {
	names := make([]string, len(results))
	seen := make(map[string]int)
	for _, r := range results {
		seen[r.Scenario]++
	}
	for i, r := range results {
		names[i] = orUnnamed(r.Scenario)
		if seen[r.Scenario] > 1 {
			names[i] = fmt.Sprintf("%s #%d", names[i], i+1)
		}
	}
	return names
}

// setting is a parameter's value in one run, or a dash.
func setting(r *result.Result, name string) string {
	for _, p := range r.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return none
}

// paramNames are the parameters of all runs, each once, in the order in which they appear.
func paramNames(results []*result.Result) []string {
	var names []string
	known := make(map[string]bool)
	for _, r := range results {
		for _, p := range r.Params {
			if !known[p.Name] {
				known[p.Name] = true
				names = append(names, p.Name)
			}
		}
	}
	return names
}

func alike(results []*result.Result, name string) bool {
	for _, r := range results {
		if setting(r, name) != setting(results[0], name) {
			return false
		}
	}
	return true
}

func sharedParams(results []*result.Result) []Fact {
	var facts []Fact
	for _, name := range paramNames(results) {
		if alike(results, name) {
			facts = append(facts, Fact{name, setting(results[0], name)})
		}
	}
	return facts
}

// paramsSection is what the runs differ in.
func paramsSection(names []string, results []*result.Result) Section {
	t := Table{Columns: []Column{Words("parameter")}}
	for _, name := range names {
		t.Columns = append(t.Columns, Words(name))
	}
	for _, name := range paramNames(results) {
		if alike(results, name) {
			continue
		}
		row := []string{name}
		for _, r := range results {
			row = append(row, setting(r, name))
		}
		t.Rows = append(t.Rows, row)
	}
	return Section{Title: "What they differ in", Tables: []Table{t}}
}

// figuresSection is rate and latency of each phase of each run.
func figuresSection(names []string, results []*result.Result) Section {
	t := Table{Columns: append([]Column{Words("run")}, Figures("offered/s", "achieved/s", "p50", "p99", "p99.9", "max")...)}
	b := Bars{Title: "Actions a second", Desc: "What each run achieved.", Axis: Axis{Title: "actions a second", Text: Number}}
	l := Lines{Title: "Distribution until the last stage", Desc: "Latency over percentiles, one curve for each run.", X: percentileAxis, Y: latencyAxis}
	for i, r := range results {
		for j := range r.Phases {
			p := &r.Phases[j]
			name, last := phaseName(names[i], r, p), lastStage(p)
			t.Rows = append(t.Rows, append([]string{name, offered(p), rate(p.Achieved)}, pick(latencies(&last), 1, 3, 4, 5)...))
			b.Bars = append(b.Bars, Bar{Name: name, To: p.Achieved, Reach: p.Offered, Text: Number(p.Achieved), Style: i})
			b.Desc += " " + name + ": " + Number(p.Achieved) + "."
			l.Series = append(l.Series, Series{Name: name, Points: quantiles(&last)})
		}
	}
	return Section{Title: "Rate and latency", Note: "The latency is that until the last stage of each run.", Plots: []Plot{b, l}, Tables: []Table{t}}
}

func phaseName(run string, r *result.Result, p *result.Phase) string {
	if len(r.Phases) == 1 {
		return run
	}
	return run + " " + p.Name
}

// costSection is what an action cost in each run.
func costSection(names []string, results []*result.Result) Section {
	t := Table{Columns: append([]Column{Words("run")}, append(Figures("CPU per action", "bytes per action", "records", "findings"), Words("holds"))...)}
	b := Bars{Title: "Processor time per action, all roles together", Desc: "What an action cost.", Axis: Axis{Title: "CPU per action", Text: Nanoseconds}}
	for i, r := range results {
		var each time.Duration
		for _, role := range r.Roles {
			each += role.PerAction
		}
		holds := "NO"
		if r.Holds() {
			holds = "yes"
		}
		t.Rows = append(t.Rows, []string{names[i], Measured(each), rate(r.Ledger.BytesPerAction), Counted(r.Ledger.Records), Counted(uint64(len(r.Audit.Findings))), holds})
		b.Bars = append(b.Bars, Bar{Name: names[i], To: float64(each), Text: Measured(each), Style: i})
		b.Desc += " " + names[i] + ": " + Measured(each) + "."
	}
	return Section{Title: "What it cost", Plots: []Plot{b}, Tables: []Table{t}}
}
