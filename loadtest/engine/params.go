package engine

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/schemas"
)

// Params is everything that shapes a load. The zero value is refused by Check: see Defaults.
type Params struct {
	Agents   int // identities, each with a key, a connection and a session
	Tools    int
	Policies int // of which one permits what is asked for

	Enforcers int
	Executors int
	K         int // enforcers that must agree

	MaxList     int // intents in one list of one agent; 1 makes each intent a list of its own, 0 as many as queue up
	Outstanding int // actions without an answer, at most

	Relaxed  bool // acknowledge records before they are on the disk
	Replicas int  // of the ledger: 1, or 3 with a broker of three servers

	Cost          Cost // of one action, in the executor
	ArgumentBytes int  // of one intent, about

	Rate     float64       // actions a second; 0: as many as Outstanding allows
	Poisson  bool          // intervals are random; else they are equal
	Warmup   time.Duration // of the same load, before anything is counted
	Duration time.Duration
	Timeout  time.Duration // from sending to deadline
	Seed     uint64        // equal seeds give equal sequences of requests and moments

	Processes bool // one process for each role; else all of them in this one
}

// Cost is what an action takes of its executor: processor time, then time in which it waits.
type Cost struct{ CPU, Sleep time.Duration }

// Defaults is a modest, steady load on the smallest zone.
func Defaults() Params {
	return Params{
		Agents: 8, Tools: 4, Policies: 16, Enforcers: 1, Executors: 1, K: 1, MaxList: 1, Outstanding: 4096, Relaxed: true, Replicas: 1,
		ArgumentBytes: 64, Rate: 1000, Warmup: 2 * time.Second, Duration: 10 * time.Second, Timeout: 10 * time.Second, Seed: 1,
	}
}

// What a release can hold, and what one machine can.
const (
	maxAgents      = 20_000
	maxTools       = 4096
	maxPolicies    = 10_000
	maxOfARole     = 16
	maxOutstanding = 1 << 17
	maxRate        = 1e6
	maxArguments   = 32 << 10
	maxTimeout     = time.Minute // the release's max_deadline
	maxGrants      = 80_000      // agents times tools: a release is one record of at most one MiB
	maxDuration    = 24 * time.Hour
)

// Check refuses what makes no load, with every reason.
func (p Params) Check() error {
	var errs []error
	whole := func(flag string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("--%s %d: give %d to %d", flag, n, least, most))
		}
	}
	span := func(flag string, d, least, most time.Duration) {
		if d < least || d > most {
			errs = append(errs, fmt.Errorf("--%s %v: give %v to %v", flag, d, least, most))
		}
	}
	whole("agents", p.Agents, 1, maxAgents)
	whole("tools", p.Tools, 1, maxTools)
	whole("policies", p.Policies, 1, maxPolicies)
	whole("enforcers", p.Enforcers, 1, maxOfARole)
	whole("executors", p.Executors, 1, maxOfARole)
	whole("k", p.K, 1, p.Enforcers)
	whole("list", p.MaxList, 0, schemas.MaxItems)
	whole("outstanding", p.Outstanding, 1, maxOutstanding)
	whole("argument-bytes", p.ArgumentBytes, 0, maxArguments)
	if p.Agents*(p.Tools+1) > maxGrants {
		errs = append(errs, fmt.Errorf("--agents %d with --tools %d: a release cannot hold more than %d grants; lower one of them", p.Agents, p.Tools, maxGrants))
	}
	if p.Replicas != 1 && p.Replicas != 3 {
		errs = append(errs, fmt.Errorf("--replicas %d: give 1 or 3", p.Replicas))
	}
	if !(p.Rate >= 0 && p.Rate <= maxRate) {
		errs = append(errs, fmt.Errorf("--rate %v: give 0 to %v", p.Rate, float64(maxRate)))
	}
	span("cost-cpu", p.Cost.CPU, 0, time.Second)
	span("cost-sleep", p.Cost.Sleep, 0, time.Minute)
	span("warmup", p.Warmup, 0, time.Hour)
	span("duration", p.Duration, 100*time.Millisecond, maxDuration)
	span("timeout", p.Timeout, 100*time.Millisecond, maxTimeout)
	return errors.Join(errs...)
}

// List names every parameter, for a result.
func (p Params) List() []result.Param {
	rate := "closed loop"
	if p.Rate > 0 {
		rate = strconv.FormatFloat(p.Rate, 'f', -1, 64) + "/s, " + p.arrival()
	}
	list := "as many as queue up"
	if p.MaxList > 0 {
		list = strconv.Itoa(p.MaxList)
	}
	processes := "all roles in one"
	if p.Processes {
		processes = "one for each role"
	}
	return []result.Param{
		{Name: "rate", Value: rate},
		{Name: "outstanding", Value: strconv.Itoa(p.Outstanding)},
		{Name: "agents", Value: strconv.Itoa(p.Agents)},
		{Name: "tools", Value: strconv.Itoa(p.Tools)},
		{Name: "policies", Value: strconv.Itoa(p.Policies)},
		{Name: "list", Value: list},
		{Name: "sync", Value: p.sync()},
		{Name: "replicas", Value: strconv.Itoa(p.Replicas)},
		{Name: "k", Value: fmt.Sprintf("%d of %d", p.K, p.Enforcers)},
		{Name: "executors", Value: strconv.Itoa(p.Executors)},
		{Name: "cost", Value: fmt.Sprintf("%v busy, %v waiting", p.Cost.CPU, p.Cost.Sleep)},
		{Name: "argument bytes", Value: strconv.Itoa(p.ArgumentBytes)},
		{Name: "duration", Value: p.Duration.String()},
		{Name: "warm-up", Value: p.Warmup.String()},
		{Name: "timeout", Value: p.Timeout.String()},
		{Name: "processes", Value: processes},
	}
}

func (p Params) arrival() string {
	if p.Poisson {
		return "poisson"
	}
	return "constant"
}

func (p Params) sync() string {
	if p.Relaxed {
		return "relaxed"
	}
	return "always"
}
