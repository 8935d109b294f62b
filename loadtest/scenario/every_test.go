package scenario_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/loadtest/scenario"
)

// tiny is a scenario at a scale that a busy machine can take: no figure of it means anything, and all that must hold
// must hold all the same.
func tiny(p engine.Params) engine.Params {
	p.Agents, p.Tools, p.Policies = min(p.Agents, 12), min(p.Tools, 20), min(p.Policies, 100)
	p.Rate, p.Outstanding, p.Warmup, p.Duration = min(p.Rate, 100), 64, 200*time.Millisecond, 1500*time.Millisecond
	if p.Timeout == engine.Defaults().Timeout { // else the scenario is about deadlines
		p.Timeout = time.Minute
	}
	return p
}

// patience is for one run, its audit included.
const patience = 5 * time.Minute

func run(t *testing.T, s scenario.Scenario, p engine.Params) *result.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := engine.Run(ctx, s.Script(p), engine.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// holds demands that a run kept everything, and that its figures fit together.
func holds(t *testing.T, r *result.Result) {
	t.Helper()
	for _, c := range r.Expected {
		if !c.Holds {
			t.Errorf("%s: %s", c.What, c.Found)
		}
	}
	for _, f := range r.Audit.Findings {
		t.Errorf("the audit found: %s", f)
	}
	if !r.Holds() {
		t.Error("the run does not hold")
	}
	for _, p := range r.Phases {
		var fates, seconds uint64
		for _, c := range p.Outcomes {
			fates += c.Count
		}
		for _, s := range p.Series {
			seconds += s.Sent
		}
		if fates != p.Sent || seconds != p.Sent || p.Sent == 0 {
			t.Errorf("%s: %d sent, %d ends of them, %d in its seconds", p.Name, p.Sent, fates, seconds)
		}
	}
	var used time.Duration
	for _, role := range r.Roles {
		used += role.CPU
	}
	if used == 0 || r.Ledger.BytesPerAction == 0 || r.Ledger.Records == 0 {
		t.Errorf("%v of processor time, %v bytes an action, %d records: a figure is missing", used, r.Ledger.BytesPerAction, r.Ledger.Records)
	}
}

func TestEveryScenario(t *testing.T) {
	for _, s := range scenario.All() {
		t.Run(s.Name, func(t *testing.T) { holds(t, run(t, s, tiny(s.Params))) })
	}
}

// TestLargerZones runs a load on what is not the smallest zone.
func TestLargerZones(t *testing.T) {
	for name, change := range map[string]func(*engine.Params){
		"three servers":                func(p *engine.Params) { p.Replicas = 3 },
		"two of three enforcers":       func(p *engine.Params) { p.Enforcers, p.K, p.Executors = 3, 2, 2 },
		"synced, lists, a closed loop": func(p *engine.Params) { p.Relaxed, p.MaxList, p.Rate, p.Outstanding = false, 0, 0, 8 },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scenario.Find("steady")
			if err != nil {
				t.Fatal(err)
			}
			p := tiny(s.Params)
			change(&p)
			holds(t, run(t, s, p))
		})
	}
}
