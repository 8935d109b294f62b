// Package scenario is the list of what a zone is put through: each scenario has a load of its own, says what must hold
// of it, and can be run shorter or longer.
package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Scenario is one of them.
type Scenario struct {
	Name    string
	Summary string        // what it asks of the zone, in a sentence
	Params  engine.Params // by default
	play    func(context.Context, *engine.World) (engine.Played, error)
}

// All are all scenarios, in the order in which they are listed.
func All() []Scenario {
	return []Scenario{
		steady(), ramp(), burst(), agents(), tools(), policies(), denials(), malformed(), slow(), halts(), releases(), soak(),
	}
}

// Find finds a scenario by its name.
func Find(name string) (Scenario, error) {
	all := All()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("loadtest: no scenario is called %.40q; give one of %s", name, strings.Join(names, ", "))
}

// Script is the scenario under parameters that may be others than its own.
func (s Scenario) Script(p engine.Params) engine.Script {
	return engine.Script{Name: s.Name, Summary: s.Summary, Params: p, Play: s.play}
}

// with is the defaults after a change.
func with(change func(*engine.Params)) engine.Params {
	p := engine.Defaults()
	change(&p)
	return p
}

// played is what a scenario of a few phases did.
func played(checks []result.Check, phases ...result.Phase) engine.Played {
	return engine.Played{Phases: phases, Checks: checks}
}

// one drives the parameters' own load as the only phase.
func one(ctx context.Context, w *engine.World, during func(context.Context) error) (result.Phase, error) {
	return w.Drive(ctx, w.Params.Load("load"), during)
}

// count is how many actions of a phase had a fate that begins with a prefix.
func count(p result.Phase, prefix string) (n uint64) {
	for _, c := range p.Outcomes {
		if strings.HasPrefix(c.Name, prefix) {
			n += c.Count
		}
	}
	return n
}

// allOf demands that every action of a phase had one of these fates.
func allOf(what string, p result.Phase, prefixes ...string) result.Check {
	var n uint64
	for _, prefix := range prefixes {
		n += count(p, prefix)
	}
	return result.Check{What: what, Found: fmt.Sprintf("%d of %d", n, p.Sent), Holds: n == p.Sent && n > 0}
}
