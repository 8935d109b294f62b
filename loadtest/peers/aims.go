package peers

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/loadtest/report"
)

// What is aimed at. An aim that is missed is said, and fails nothing: it is a figure of one machine.
const (
	aimOfOPA  = 2.0
	aimGrowth = 1.5
)

// aimTable compares the figures with what is aimed at.
func (r *Result) aimTable() titled {
	t := report.Table{Columns: []report.Column{report.Words("aim"), report.Words("found"), report.Words("reached")}}
	for _, d := range r.Decisions {
		if d.Sync != syncRelaxed && d.Sync != syncAlways || d.Outstanding != r.busiest() || d.Policies != r.usual() {
			continue
		}
		opa, ok := r.find(OPA, "", d.Policies, d.Outstanding)
		found, reached := "OPA was not measured", "not known"
		if ok {
			found = fmt.Sprintf("%s: %s/s of %s/s", times(d.PerSecond, opa.PerSecond), report.Number(d.PerSecond), report.Number(opa.PerSecond))
			reached = yes(d.PerSecond >= aimOfOPA*opa.PerSecond)
		}
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%s, sync %s: at least twice OPA's decisions (%s policies, %d outstanding)", d.Engine, d.Sync, whole(d.Policies), d.Outstanding),
			found, reached,
		})
	}
	for _, s := range r.spans() {
		if s.first.Sync != syncRelaxed || s.first.Outstanding != r.busiest() {
			continue
		}
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%s: a decision under %s policies costs at most 1.5 times one under %s", s.first.Engine, whole(s.last.Policies), whole(s.first.Policies)),
			times(float64(s.last.CPU()), float64(s.first.CPU())), yes(float64(s.last.CPU()) <= aimGrowth*float64(s.first.CPU())),
		})
	}
	return titled{"What was aimed at", "", t}
}

func yes(reached bool) string {
	if reached {
		return "yes"
	}
	return "no"
}

// busiest is the largest number outstanding.
func (r *Result) busiest() (most int) {
	for _, d := range r.Decisions {
		most = max(most, d.Outstanding)
	}
	return most
}

// usual is the number of policies of an ordinary zone, or of the largest task if none is that large.
func (r *Result) usual() (policies int) {
	for _, t := range r.Tasks {
		if t.Policies <= flowPolicies {
			policies = max(policies, t.Policies)
		}
	}
	if policies == 0 && len(r.Tasks) > 0 {
		policies = r.Tasks[len(r.Tasks)-1].Policies
	}
	return policies
}
