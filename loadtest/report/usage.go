package report

import (
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// rolesSection is what each role used.
func rolesSection(r *result.Result) Section {
	var all, each time.Duration
	for _, role := range r.Roles {
		all, each = all+role.CPU, each+role.PerAction
	}
	t := Table{Columns: append([]Column{Words("role")}, Figures("processes", "CPU", "of one CPU", "share", "CPU per action", "memory")...)}
	b := Bars{Title: "Processor time per action, by role", Desc: "Processor time that one action costs each role.", Axis: Axis{Title: "CPU per action", Text: Nanoseconds}}
	for i, role := range r.Roles {
		t.Rows = append(t.Rows, []string{
			role.Name, Counted(uint64(max(role.Processes, 0))), Measured(role.CPU), share(float64(role.CPU), float64(r.Took)),
			share(float64(role.CPU), float64(all)), Measured(role.PerAction), Volume(float64(role.Memory)),
		})
		b.Bars = append(b.Bars, Bar{Name: role.Name, To: float64(role.PerAction), Text: Measured(role.PerAction), Style: i})
		b.Desc += " " + role.Name + ": " + Measured(role.PerAction) + "."
	}
	if len(r.Roles) > 1 {
		t.Rows = append(t.Rows, []string{"together", "", Measured(all), share(float64(all), float64(r.Took)), "", Measured(each), ""})
	}
	return Section{Title: "What it cost", Plots: []Plot{b}, Tables: []Table{t}}
}

// outcomesSection is what became of every action.
func outcomesSection(r *result.Result) Section {
	t := Table{Columns: append([]Column{Words("phase"), Words("outcome")}, Figures("actions", "share")...)}
	s := Section{Title: "Outcomes"}
	for i := range r.Phases {
		p := &r.Phases[i]
		rest := p.Sent
		for _, c := range p.Outcomes {
			t.Rows = append(t.Rows, []string{p.Name, c.Name, Counted(c.Count), share(float64(c.Count), float64(p.Sent))})
			rest -= min(c.Count, rest)
		}
		if rest > 0 {
			t.Rows = append(t.Rows, []string{p.Name, "NOT ACCOUNTED FOR", Counted(rest), share(float64(rest), float64(p.Sent))})
		}
	}
	if len(r.Phases) == 1 {
		s.Plots = []Plot{outcomeBars(&r.Phases[0])}
	}
	s.Tables = []Table{t}
	return s
}

func outcomeBars(p *result.Phase) Plot {
	b := Bars{Title: "What became of the actions", Desc: "How many actions had each outcome.", Axis: Axis{Title: "actions", Text: Number}}
	for i, c := range p.Outcomes {
		b.Bars = append(b.Bars, Bar{Name: c.Name, To: float64(c.Count), Text: share(float64(c.Count), float64(p.Sent)), Style: i})
		b.Desc += " " + c.Name + ": " + Counted(c.Count) + "."
	}
	return b
}

// ledgerSection is what the run left on disk.
func ledgerSection(r *result.Result) Section {
	l := r.Ledger
	rows := [][]string{{"records", Counted(l.Records)}, {"bytes", Volume(float64(l.Bytes))}, {"bytes per action", rate(l.BytesPerAction)}}
	if l.Export != "" {
		rows = append(rows, []string{"exported to", l.Export})
	}
	return Section{Title: "Ledger", Tables: []Table{{Columns: []Column{Words("what"), Words("figure")}, Rows: rows}}}
}

// auditSection is what the audit of the run's own ledger read, and what it said. Its findings stand in the verdict too.
func auditSection(r *result.Result) Section {
	a := r.Audit
	if a.Records == 0 {
		return Section{}
	}
	rows := [][]string{
		{"took", Measured(a.Took)},
		{"records", Counted(a.Records)},
		{"signatures", Counted(a.Signatures)},
		{"intents", Counted(a.Intents)},
		{"findings", Counted(uint64(len(a.Findings)))},
	}
	for _, c := range a.Final {
		rows = append(rows, []string{"ended " + c.Name, Counted(c.Count)})
	}
	for _, c := range a.Void {
		rows = append(rows, []string{"void claims: " + c.Name, Counted(c.Count)})
	}
	for _, c := range a.Noise {
		rows = append(rows, []string{"noise: " + c.Name, Counted(c.Count)})
	}
	for _, f := range a.Findings {
		rows = append(rows, []string{"FINDING", f})
	}
	for _, u := range a.Unjudged {
		rows = append(rows, []string{"not judged", u})
	}
	return Section{Title: "Audit", Tables: []Table{{Columns: []Column{Words("what"), Words("found")}, Rows: rows}}}
}
