package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// stageOf makes a stage whose latency is log-normal around a median.
func stageOf(name string, samples uint64, median, spread float64) result.Stage {
	at := func(z float64) time.Duration {
		return time.Duration(median * math.Exp(spread*z)).Round(time.Microsecond)
	}
	s := result.Stage{Name: name, Samples: samples, Mean: at(0.2), P50: at(0), P90: at(1.28), P99: at(2.33), P999: at(3.09), Max: at(4.1)}
	for _, q := range []struct{ p, z float64 }{{0, -3}, {25, -0.67}, {50, 0}, {75, 0.67}, {90, 1.28}, {95, 1.64}, {99, 2.33}, {99.9, 3.09}, {99.99, 3.72}, {100, 4.1}} {
		s.Curve = append(s.Curve, result.Quantile{Percentile: q.p, Value: at(q.z)})
	}
	return s
}

func stagesOf(samples uint64, factor float64) []result.Stage {
	const ms = float64(time.Millisecond)
	return []result.Stage{
		stageOf("stored", samples, 0.21*ms*factor, 0.3), stageOf("decided", samples, 0.42*ms*factor, 0.35),
		stageOf("claimed", samples, 0.61*ms*factor, 0.4), stageOf("started", samples, 0.68*ms*factor, 0.45),
		stageOf("outcome", samples, 0.91*ms*factor, 0.5), stageOf("answered", samples, 0.99*ms*factor, 0.55),
	}
}

func phaseOf(name string, offered, achieved, factor float64, from int) result.Phase {
	random := rand.New(rand.NewPCG(7, uint64(from)))
	p := result.Phase{
		Name: name, Took: 10 * time.Second, Offered: offered, Achieved: achieved, Sent: uint64(10 * offered),
		Outcomes: []result.Count{{Name: "executed", Count: uint64(9.9 * offered)}, {Name: "denied: limit.exceeded", Count: uint64(10*offered) - uint64(9.9*offered)}},
		Stages:   stagesOf(uint64(10*achieved), factor),
	}
	for i := range 10 {
		p.Series = append(p.Series, result.Point{
			Second: float64(from + i), Sent: uint64(offered), Answered: uint64(achieved) - random.Uint64N(40),
			P50: time.Duration(float64(time.Millisecond) * factor), P99: time.Duration((3 + random.Float64()) * float64(time.Millisecond) * factor), Memory: uint64(180+i+from) << 20,
		})
	}
	return p
}

// steady is a run that kept every promise.
func steady() *result.Result {
	return &result.Result{
		Format: result.Format, Scenario: "steady", Summary: "A constant rate of governed actions, each signed by its agent.",
		Begun: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC), Took: 10 * time.Second, Seed: 7,
		Machine: result.Machine{CPU: "Example CPU at 2.0 GHz", Processors: 2, Memory: 24 << 30, OS: "linux/amd64", Go: "go1.26.8", Build: "3f8a1c"},
		Params:  []result.Param{{Name: "rate", Value: "2000"}, {Name: "agents", Value: "10"}, {Name: "tools", Value: "1"}, {Name: "policies", Value: "20"}, {Name: "list", Value: "1"}, {Name: "outstanding", Value: "256"}, {Name: "sync", Value: "relaxed"}, {Name: "replicas", Value: "1"}, {Name: "k", Value: "1"}},
		Phases:  []result.Phase{phaseOf("steady", 2000, 1998.4, 1, 0)},
		Roles: []result.Role{
			{Name: "broker", Processes: 1, CPU: 3200 * time.Millisecond, PerAction: 160 * time.Microsecond, Memory: 90 << 20},
			{Name: "enforcer", Processes: 1, CPU: 4100 * time.Millisecond, PerAction: 205 * time.Microsecond},
			{Name: "executor", Processes: 1, CPU: 2600 * time.Millisecond, PerAction: 130 * time.Microsecond},
			{Name: "agents", Processes: 1, CPU: 1900 * time.Millisecond, PerAction: 95 * time.Microsecond},
		},
		Ledger: result.Ledger{Records: 80123, Bytes: 61 << 20, BytesPerAction: 3198.2},
		Audit: result.Audit{
			Took: 4 * time.Second, Records: 80123, Signatures: 82001, Intents: 20000,
			Final: []result.Count{{Name: "executed", Count: 19800}, {Name: "denied", Count: 200}},
		},
		Expected: []result.Check{{What: "every action has a final answer", Found: "20,000 of 20,000", Holds: true}, {What: "the audit finds nothing", Found: "0 findings", Holds: true}},
	}
}

// ramp is a run of many phases, of which one promise was not kept.
func ramp() *result.Result {
	r := steady()
	r.Scenario, r.Summary, r.Phases = "ramp", "More and more actions a second, until the system no longer keeps up; the knee is the last rate at which it did.", nil
	for i, rate := range []float64{500, 1000, 2000, 4000, 8000} {
		achieved := min(rate, 6100)
		r.Phases = append(r.Phases, phaseOf(fmt.Sprintf("%.0f/s", rate), rate, achieved, 1+rate/1000+math.Pow(rate/5000, 6), 10*i))
	}
	r.Took = 50 * time.Second
	r.Expected = append(r.Expected, result.Check{What: "the knee is at 6,000 actions a second or more", Found: "4,000", Holds: false})
	r.Audit.Findings = []string{"outcome.rogue at 4711.0: an outcome without a valid claim; see what its executor says of itself, and whether anything else on its machine could have signed with its key"}
	r.Audit.Noise, r.Audit.Void = []result.Count{{Name: "noise.signature", Count: 3}}, []result.Count{{Name: "claim.epoch", Count: 17}}
	r.Audit.Unjudged = []string{"3 intents whose deadline lies beyond the end of the ledger"}
	return r
}

const evil = `</svg><script>alert(1)</script>" onload="x` + "\x1b[31m\u202e\x00\xff\n" + `{{.}}`

// hostile has markup and control characters wherever there is text.
func hostile() *result.Result {
	r := steady()
	r.Scenario, r.Summary = evil, evil
	r.Machine = result.Machine{CPU: evil, Processors: -1, OS: evil, Go: evil, Build: evil}
	r.Params = []result.Param{{Name: evil, Value: evil}}
	r.Phases[0].Name, r.Phases[0].Outcomes = evil, []result.Count{{Name: evil, Count: 5}}
	for i := range r.Phases[0].Stages {
		r.Phases[0].Stages[i].Name = evil
	}
	r.Roles[0].Name, r.Ledger.Export = evil, evil
	r.Audit.Findings, r.Audit.Unjudged, r.Audit.Final = []string{evil}, []string{evil}, []result.Count{{Name: evil, Count: 1}}
	r.Expected = []result.Check{{What: evil, Found: evil}}
	return r
}

// compared are three runs, two of one scenario and one of them on another machine.
func compared() []*result.Result {
	faster, other := steady(), ramp()
	faster.Params[6].Value, faster.Phases[0] = "always", phaseOf("steady", 1000, 640, 4, 0)
	other.Machine.CPU, other.Phases = "Another CPU", other.Phases[:2]
	return []*result.Result{steady(), faster, other}
}
