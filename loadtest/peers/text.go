package peers

import (
	"fmt"
	"io"

	"github.com/portcullis-dev/portcullis/loadtest/report"
)

// Text writes a result for a terminal.
func Text(w io.Writer, r *Result) error { return r.Document().Text(w) }

// HTML writes a result as one page.
func HTML(w io.Writer, r *Result) error { return r.Document().HTML(w) }

// Document is the result as a report says it.
func (r *Result) Document() *report.Document {
	d := &report.Document{
		Title:   "peers",
		Summary: "Decisions and flows, beside what others do on the same machine in the same run. A figure is taken only of what answers rightly.",
		Holds:   r.Holds(), Facts: append(report.MachineFacts(r.Machine), r.facts()...),
	}
	for _, c := range r.Expected {
		if !c.Holds {
			d.Why = append(d.Why, fmt.Sprintf("failed: %s; found: %s", c.What, c.Found))
		}
	}
	switch {
	case d.Holds:
		d.Why = []string{"every engine gave the same verdicts; every governed flow was audited without a finding"}
	case len(d.Why) == 0:
		d.Why = []string{"nothing was measured"}
	}
	for _, t := range r.tables() {
		d.Sections = append(d.Sections, report.Section{Title: t.title, Note: t.note, Tables: []report.Table{t.table}})
	}
	return d
}

// facts say when, how long, and who.
func (r *Result) facts() []report.Fact {
	facts := []report.Fact{
		{Name: "begun", Value: r.Begun.Format("2006-01-02 15:04 MST")},
		{Name: "each figure", Value: r.For.String()},
	}
	for _, p := range r.Programs {
		facts = append(facts, report.Fact{Name: p.Name, Value: p.told()})
	}
	return facts
}

// told is what there is to say of a program.
func (p Program) told() string {
	if p.Skipped != "" {
		return "skipped: " + p.Skipped
	}
	if p.Module == "" {
		return p.Command
	}
	return p.Module + " " + p.Version + ", as " + p.Command
}

// titled is a table under a heading.
type titled struct {
	title, note string
	table       report.Table
}

func (r *Result) tables() []titled {
	return []titled{r.aimTable(), r.decisionTable(), r.growthTable(), r.flowTable()}
}

// whole is a count.
func whole(n int) string { return report.Counted(uint64(max(n, 0))) }

// kept is the ledger's sync, where there is a ledger.
func (d Decisions) kept() string {
	if d.Sync == "" {
		return "–"
	}
	return d.Sync
}

func (r *Result) decisionTable() titled {
	t := report.Table{Columns: append([]report.Column{report.Words("engine"), report.Words("sync")},
		report.Figures("policies", "outstanding", "decisions/s", "of OPA", "p50", "p99", "server CPU", "client CPU", "CPU, of OPA's")...)}
	for _, d := range r.Decisions {
		client := report.Measured(d.ClientCPU)
		if d.Sync != "" {
			client = "in it"
		}
		t.Rows = append(t.Rows, []string{
			d.Engine, d.kept(), whole(d.Policies), whole(d.Outstanding), report.Number(d.PerSecond), r.ofOPA(d, rate),
			report.Measured(d.Latency.P50), report.Measured(d.Latency.P99), report.Measured(d.ServerCPU), client, r.ofOPA(d, cost),
		})
	}
	return titled{
		"Decisions", "A closed loop of questions. OPA, Cerbos and the AuthZEN call answer over HTTP and keep nothing. Governed decisions are signed intents and signed decisions on a ledger with the sync that is named; they count when an observer has read them there, and their processor time is of broker, enforcer, agents and observer together.", t,
	}
}

// find is the figure of an engine under a load.
func (r *Result) find(engine, sync string, policies, outstanding int) (Decisions, bool) {
	for _, d := range r.Decisions {
		if d.Engine == engine && d.Sync == sync && d.Policies == policies && d.Outstanding == outstanding {
			return d, d.PerSecond > 0
		}
	}
	return Decisions{}, false
}

// What is compared with OPA's.
func rate(d Decisions) float64 { return d.PerSecond }
func cost(d Decisions) float64 { return float64(d.CPU()) }

// ofOPA is how many times OPA's figure under the same load this one is.
func (r *Result) ofOPA(d Decisions, figure func(Decisions) float64) string {
	opa, ok := r.find(OPA, "", d.Policies, d.Outstanding)
	if !ok {
		return times(0, 0)
	}
	return times(figure(d), figure(opa))
}

// times is a factor; of nothing there is none.
func times(now, before float64) string {
	if before <= 0 {
		return "–"
	}
	return "×" + report.Number(now/before)
}

// growthTable says what a decision costs from the fewest policies to the most.
func (r *Result) growthTable() titled {
	t := report.Table{Columns: append([]report.Column{report.Words("engine"), report.Words("sync")},
		report.Figures("outstanding", "policies", "CPU", "policies", "CPU", "growth")...)}
	for _, s := range r.spans() {
		t.Rows = append(t.Rows, []string{
			s.first.Engine, s.first.kept(), whole(s.first.Outstanding),
			whole(s.first.Policies), report.Measured(s.first.CPU()),
			whole(s.last.Policies), report.Measured(s.last.CPU()), times(float64(s.last.CPU()), float64(s.first.CPU())),
		})
	}
	return titled{"What policies cost", "Processor time of one decision, server and client together, under the fewest policies and the most.", t}
}

// span is one engine under one load, with the fewest policies and with the most.
type span struct{ first, last Decisions }

func (r *Result) spans() []span {
	var all []span
	for _, d := range r.Decisions {
		first, last := true, d
		for _, o := range r.Decisions {
			if o.Engine != d.Engine || o.Sync != d.Sync || o.Outstanding != d.Outstanding {
				continue
			}
			first = first && o.Policies >= d.Policies
			if o.Policies > last.Policies {
				last = o
			}
		}
		if first && last.Policies > d.Policies {
			all = append(all, span{d, last})
		}
	}
	return all
}

func (r *Result) flowTable() titled {
	t := report.Table{Columns: append([]report.Column{report.Words("flow"), report.Words("sync")},
		report.Figures("outstanding", "flows/s", "of bare single", "of bare lists", "p50", "p99", "CPU")...)}
	for _, f := range r.Flows {
		t.Rows = append(t.Rows, []string{
			f.Who, f.Sync, whole(f.Outstanding), report.Number(f.PerSecond), r.ofBare(f, Bare), r.ofBare(f, BareLists),
			report.Measured(f.P50), report.Measured(f.P99), report.Measured(f.CPU),
		})
	}
	return titled{"Intent, decision, claim, outcome", fmt.Sprintf("Four records of %d bytes on bare NATS without signatures, policy and schema, and the whole governed path under %s policies; all in one process each.", recordBytes, whole(flowPolicies)), t}
}

// ofBare is how many times the bare flow's this one is, under the same load.
func (r *Result) ofBare(f Flow, bare string) string {
	for _, o := range r.Flows {
		if o.Who == bare && o.Sync == f.Sync && o.Outstanding == f.Outstanding {
			return times(f.PerSecond, o.PerSecond)
		}
	}
	return times(0, 0)
}
