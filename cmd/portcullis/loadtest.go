package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/scenario"
)

func newLoadtestCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "loadtest",
		Short: "Load a zone of its own, and check every promise afterwards",
		Long: `Makes a zone in a folder of its own, loads it, and audits the ledger that is left: so no
figure comes without its correctness. It touches no data folder. See docs/loadtest.md.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newLoadtestRunCommand(g), newLoadtestListCommand(g), newLoadtestFleetCommand(g), newLoadtestFloodCommand(g),
		newLoadtestPeersCommand(g), newLoadtestExecutorCommand(g), newLoadtestAuthZENCommand(g))
	return c
}

// loadFlags are the parameters of a load; those that the command line has replace the scenario's.
type loadFlags struct {
	params engine.Params
	sync   string
	given  func(flag string) bool
}

func (l *loadFlags) register(c *cobra.Command) {
	flags, p := c.Flags(), &l.params
	l.given = flags.Changed
	flags.IntVar(&p.Agents, "agents", 0, "identities, each with a key and a connection of its own")
	flags.IntVar(&p.Tools, "tools", 0, "tools")
	flags.IntVar(&p.Policies, "policies", 0, "policies, one of which permits")
	flags.IntVar(&p.Enforcers, "enforcers", 0, "enforcers")
	flags.IntVar(&p.Executors, "executors", 0, "executors")
	flags.IntVar(&p.K, "k", 0, "enforcers that must agree")
	flags.IntVar(&p.MaxList, "list", 0, "intents in one list of one agent; 0: as many as queue up")
	flags.IntVar(&p.Outstanding, "outstanding", 0, "actions without an answer, at most")
	flags.StringVar(&l.sync, "sync", "", "always, or relaxed (which may lose records)")
	flags.IntVar(&p.Replicas, "replicas", 0, "of the ledger: 1, or 3 on three servers")
	flags.DurationVar(&p.Cost.CPU, "cost-cpu", 0, "processor time of one action")
	flags.DurationVar(&p.Cost.Sleep, "cost-sleep", 0, "time that one action waits for something")
	flags.IntVar(&p.ArgumentBytes, "argument-bytes", 0, "size of one intent's arguments")
	flags.Float64Var(&p.Rate, "rate", 0, "actions a second; 0: a closed loop of --outstanding")
	flags.BoolVar(&p.Poisson, "poisson", false, "random intervals instead of equal ones")
	flags.DurationVar(&p.Warmup, "warmup", 0, "the same load, before anything is counted")
	flags.DurationVar(&p.Duration, "duration", 0, "how long to load")
	flags.DurationVar(&p.Timeout, "timeout", 0, "of one action, from sending to deadline")
	flags.Uint64Var(&p.Seed, "seed", 0, "equal seeds give equal sequences of requests")
	flags.BoolVar(&p.Processes, "processes", false, "a process for each role; else all roles share this one")
}

// over replaces what a scenario says by what the command line says.
func (l *loadFlags) over(p engine.Params) (engine.Params, error) {
	given := l.params
	for flag, take := range map[string]func(){
		"agents": func() { p.Agents = given.Agents }, "tools": func() { p.Tools = given.Tools },
		"policies": func() { p.Policies = given.Policies }, "enforcers": func() { p.Enforcers = given.Enforcers },
		"executors": func() { p.Executors = given.Executors }, "k": func() { p.K = given.K },
		"list": func() { p.MaxList = given.MaxList }, "outstanding": func() { p.Outstanding = given.Outstanding },
		"sync": func() { p.Relaxed = l.sync == "relaxed" }, "replicas": func() { p.Replicas = given.Replicas },
		"cost-cpu": func() { p.Cost.CPU = given.Cost.CPU }, "cost-sleep": func() { p.Cost.Sleep = given.Cost.Sleep },
		"argument-bytes": func() { p.ArgumentBytes = given.ArgumentBytes }, "rate": func() { p.Rate = given.Rate },
		"poisson": func() { p.Poisson = given.Poisson }, "warmup": func() { p.Warmup = given.Warmup },
		"duration": func() { p.Duration = given.Duration }, "timeout": func() { p.Timeout = given.Timeout },
		"seed": func() { p.Seed = given.Seed }, "processes": func() { p.Processes = given.Processes },
	} {
		if l.given(flag) {
			take()
		}
	}
	if l.given("sync") && l.sync != "always" && l.sync != "relaxed" {
		return p, usage(fmt.Errorf("--sync %.20q is neither always nor relaxed", l.sync))
	}
	if l.given("k") && !l.given("enforcers") {
		p.Enforcers = max(p.Enforcers, p.K)
	}
	if err := p.Check(); err != nil {
		return p, usage(err)
	}
	return p, nil
}

func newLoadtestListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Tell the scenarios and their parameters",
		Long: `Tells every scenario, what it asks of a zone, and its parameters by default.

JSON: {"event":"scenario","name","summary","params":[{"name","value"}]} each`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, s := range scenario.All() {
				if err := g.tellScenario(s); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (g *globals) tellScenario(s scenario.Scenario) error {
	params := s.Params.List()
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", s.Name, s.Summary)
	for _, p := range params {
		fmt.Fprintf(&text, "  %-16s %s\n", p.Name, p.Value)
	}
	return g.say(object{"event": "scenario", "name": s.Name, "summary": s.Summary, "params": params}, "%s", text.String())
}
