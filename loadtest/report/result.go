package report

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

var errNothing = errors.New("report: there is no result to show; run a load test first")

// Of is the document of one result.
func Of(r *result.Result) *Document {
	d := &Document{
		Title: r.Scenario, Summary: r.Summary, Holds: r.Holds(), Why: why(r),
		Facts: append(runFacts(r), MachineFacts(r.Machine)...), Params: ParamFacts(r.Params),
	}
	d.add(checksSection(r))
	d.add(phasesSection(r))
	d.addLatencies(r)
	d.add(timeSection(r))
	d.add(rolesSection(r))
	d.add(outcomesSection(r))
	d.add(ledgerSection(r))
	d.add(auditSection(r))
	return d
}

// add leaves out a section that has nothing to say.
func (d *Document) add(s Section) {
	for _, t := range s.Tables {
		if len(t.Rows) > 0 {
			d.Sections = append(d.Sections, s)
			return
		}
	}
}

// why is what failed, each thing by itself; of a run that holds, what that rests on.
func why(r *result.Result) []string {
	var failed []string
	if len(r.Phases) == 0 {
		failed = append(failed, "nothing was measured: the run has no phase")
	}
	for _, c := range r.Expected {
		if !c.Holds {
			failed = append(failed, fmt.Sprintf("failed: %s; found: %s", c.What, orNothing(c.Found)))
		}
	}
	if r.Audit.Records == 0 {
		failed = append(failed, "the run's ledger was not audited, so nothing is known to hold")
	}
	for _, f := range r.Audit.Findings {
		failed = append(failed, "the audit found: "+f)
	}
	switch {
	case len(failed) > 0:
		return failed
	case !r.Holds():
		return []string{"the run does not say what failed"}
	default:
		return []string{fmt.Sprintf("%s hold; the audit of %s found nothing", plural(uint64(len(r.Expected)), "check"), plural(r.Audit.Records, "record"))}
	}
}

func orNothing(s string) string {
	if strings.TrimSpace(s) == "" {
		return "nothing"
	}
	return s
}

// runFacts say when, and which.
func runFacts(r *result.Result) []Fact {
	begun := none
	if !r.Begun.IsZero() {
		begun = r.Begun.UTC().Format(time.RFC3339)
	}
	return []Fact{{"begun", begun}, {"measured", Measured(r.Took)}, {"seed", fmt.Sprint(r.Seed)}}
}

// MachineFacts is one line: figures of different machines are not compared by eye.
func MachineFacts(m result.Machine) []Fact {
	var parts []string
	for _, part := range []string{m.CPU, processors(m.Processors), memory(m.Memory), m.OS, m.Go} {
		if strings.TrimSpace(part) != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		parts = []string{none}
	}
	facts := []Fact{{"machine", strings.Join(parts, " · ")}}
	if m.Build != "" {
		facts = append(facts, Fact{"build", m.Build})
	}
	return facts
}

func processors(n int) string {
	if n <= 0 {
		return ""
	}
	return plural(uint64(n), "processor")
}

func memory(bytes uint64) string {
	if bytes == 0 {
		return ""
	}
	return Volume(float64(bytes))
}

// ParamFacts are a run's parameters, in their order.
func ParamFacts(params []result.Param) []Fact {
	facts := make([]Fact, len(params))
	for i, p := range params {
		facts[i] = Fact(p)
	}
	return facts
}

// checksSection is everything that had to hold, and whether it did.
func checksSection(r *result.Result) Section {
	t := Table{Columns: []Column{Words("holds"), Words("what must hold"), Words("found")}}
	for _, c := range r.Expected {
		holds := "NO"
		if c.Holds {
			holds = "yes"
		}
		t.Rows = append(t.Rows, []string{holds, c.What, orNothing(c.Found)})
	}
	return Section{Title: "What must hold", Tables: []Table{t}}
}
