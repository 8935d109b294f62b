// Package result is what a load test says: numbers with what they rest on, and what the audit of the same run found.
// It is written as JSON, and shown as a table in a terminal and as one HTML page. It imports nothing of the house.
package result

import "time"

// Format names the JSON form of Result; it changes when a field changes its meaning.
const Format = "portcullis.dev/loadtest/v1"

// Result is one run of one scenario.
type Result struct {
	Format   string        `json:"format"`
	Scenario string        `json:"scenario"`
	Summary  string        `json:"summary"` // what the scenario asks of the zone, in a sentence
	Begun    time.Time     `json:"begun"`
	Took     time.Duration `json:"took_ns"` // what was measured, without warm-up
	Seed     uint64        `json:"seed"`
	Machine  Machine       `json:"machine"`
	Params   []Param       `json:"params"` // everything that shapes the load, in a fixed order
	Phases   []Phase       `json:"phases"` // at least one
	Roles    []Role        `json:"roles"`
	Ledger   Ledger        `json:"ledger"`
	Audit    Audit         `json:"audit"`
	Expected []Check       `json:"expected"` // what must hold of this scenario; a run with one that does not hold failed
}

// Machine is where it ran.
type Machine struct {
	CPU        string `json:"cpu"`
	Processors int    `json:"processors"`
	Memory     uint64 `json:"memory_bytes"`
	OS         string `json:"os"`
	Go         string `json:"go"`
	Build      string `json:"build"`
}

// Param is one setting of the run.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Phase is a part of the run with one load: one for a steady load, one for each step of a ramp.
type Phase struct {
	Name     string        `json:"name"`
	Took     time.Duration `json:"took_ns"`
	Offered  float64       `json:"offered_per_second"`  // intended actions; 0 when as many as possible
	Achieved float64       `json:"achieved_per_second"` // actions with a final answer
	Sent     uint64        `json:"sent"`
	Outcomes []Count       `json:"outcomes"` // by what became of them: executed, denied with its reason, …; the sum is Sent
	Stages   []Stage       `json:"stages"`
	Series   []Point       `json:"series"` // one for each second
}

// Count is how often something happened.
type Count struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Stage is the distribution of a latency from the intended moment of sending: stored, decided, claimed, started, outcome, answered.
type Stage struct {
	Name    string        `json:"name"`
	Samples uint64        `json:"samples"`
	Mean    time.Duration `json:"mean_ns"`
	P50     time.Duration `json:"p50_ns"`
	P90     time.Duration `json:"p90_ns"`
	P99     time.Duration `json:"p99_ns"`
	P999    time.Duration `json:"p999_ns"`
	Max     time.Duration `json:"max_ns"`
	Curve   []Quantile    `json:"curve"` // for plots: percentiles spaced as HDR histograms space them
}

// Quantile is one point of a distribution.
type Quantile struct {
	Percentile float64       `json:"percentile"`
	Value      time.Duration `json:"value_ns"`
}

// Point is one second of a phase.
type Point struct {
	Second   float64       `json:"second"` // from the start of the run's measurement
	Sent     uint64        `json:"sent"`
	Answered uint64        `json:"answered"`
	P50      time.Duration `json:"p50_ns"`
	P99      time.Duration `json:"p99_ns"`
	Memory   uint64        `json:"memory_bytes"` // resident, of everything measured
}

// Role is what one role used.
type Role struct {
	Name      string        `json:"name"` // broker, enforcer, executor, sentinel, recorder, agents (with the generator), other
	Processes int           `json:"processes"`
	CPU       time.Duration `json:"cpu_ns"` // processor time within the measurement
	PerAction time.Duration `json:"cpu_per_action_ns"`
	Memory    uint64        `json:"memory_bytes"` // largest resident size; 0 where roles share a process
}

// Ledger is what the run left.
type Ledger struct {
	Records        uint64  `json:"records"`
	Bytes          uint64  `json:"bytes"`
	BytesPerAction float64 `json:"bytes_per_action"`
	Export         string  `json:"export,omitempty"` // the file, where it was kept
}

// Audit is what the audit of the run's own ledger found. Findings must be empty.
type Audit struct {
	Took       time.Duration `json:"took_ns"`
	Records    uint64        `json:"records"`
	Signatures uint64        `json:"signatures"`
	Intents    uint64        `json:"intents"`
	Final      []Count       `json:"final"`
	Noise      []Count       `json:"noise,omitempty"`       // records that count for nothing, by reason
	Void       []Count       `json:"void_claims,omitempty"` // claims that allowed nothing, by reason
	Findings   []string      `json:"findings"`
	Unjudged   []string      `json:"unjudged"`
}

// Check is something that must hold, and whether it does.
type Check struct {
	What  string `json:"what"`
	Found string `json:"found"`
	Holds bool   `json:"holds"`
}

// Holds reports whether the run kept every promise: no finding, and every check holds. A run that was not audited did not.
func (r *Result) Holds() bool {
	if len(r.Audit.Findings) > 0 || r.Audit.Records == 0 {
		return false
	}
	for _, c := range r.Expected {
		if !c.Holds {
			return false
		}
	}
	return len(r.Phases) > 0
}
