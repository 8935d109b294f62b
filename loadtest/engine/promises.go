package engine

import (
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// promises are what must hold of every run: agents were told no more and no less than the ledger holds.
func (w *World) promises(r *result.Result, report *audit.Report, played Played) []result.Check {
	sent, executed, told := w.counts()
	checks := []result.Check{
		{
			What:  "every intent that was sent stands on the ledger",
			Found: fmt.Sprintf("%d sent and acknowledged, %d on the ledger", sent, report.Intents), Holds: report.Intents >= sent,
		},
		{
			What:  "what agents were told was executed, the ledger says was executed",
			Found: fmt.Sprintf("%d told, %d on the ledger", executed, report.Final[audit.StateExecuted]),
			Holds: executed <= report.Final[audit.StateExecuted] && (!told || executed == report.Final[audit.StateExecuted]),
		},
		{
			What:  "every intent has a final state",
			Found: fmt.Sprintf("%d of %d open", report.Open, report.Intents), Holds: report.Open == 0,
		},
	}
	if !played.Trips {
		trips := tripsOf(report)
		found := "no trip"
		if len(trips) > 0 {
			found = strings.Join(trips, "; ")
		}
		checks = append(checks, result.Check{What: "no sentinel tripped", Found: found, Holds: len(trips) == 0})
	}
	if r.Ledger.Records == 0 {
		checks = append(checks, result.Check{What: "the ledger was exported", Found: "no record"})
	}
	return checks
}

func tripsOf(report *audit.Report) []string {
	var trips []string
	for _, g := range report.Governance {
		if g.Kind == "trip" {
			trips = append(trips, fmt.Sprintf("at %d: %s", g.Position, g.Text))
		}
	}
	return trips
}
