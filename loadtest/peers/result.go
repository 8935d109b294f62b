package peers

import (
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Format names the JSON form of Result; it changes when a field changes its meaning.
const Format = "portcullis.dev/loadtest-peers/v1"

// Result is one comparison.
type Result struct {
	Format    string         `json:"format"`
	Begun     time.Time      `json:"begun"`
	Took      time.Duration  `json:"took_ns"`
	Machine   result.Machine `json:"machine"`
	For       time.Duration  `json:"for_ns"` // each figure
	Programs  []Program      `json:"programs"`
	Tasks     []TaskFacts    `json:"tasks"`
	Decisions []Decisions    `json:"decisions"`
	Flows     []Flow         `json:"flows"`
	Expected  []result.Check `json:"expected"` // what must hold; none is about speed
}

// TaskFacts are those of one task.
type TaskFacts struct {
	Policies  int     `json:"policies"`
	Questions int     `json:"questions"`
	Allowed   float64 `json:"allowed"` // share of the questions
}

// The ways in which decisions are made. Those of peers have the peers' names.
const (
	CerbosScopes = "cerbos, scopes"
	DirectCall   = "AuthZEN call"
	Singles      = "governed, single"
	Lists        = "governed, lists"
)

// Decisions is one load of questions.
type Decisions struct {
	Engine      string        `json:"engine"`
	Sync        string        `json:"sync,omitempty"` // of the ledger: relaxed or always; "" where nothing is kept
	Policies    int           `json:"policies"`
	Outstanding int           `json:"outstanding"`
	Count       int           `json:"count"`
	PerSecond   float64       `json:"per_second"`
	Latency     result.Stage  `json:"latency"`
	ServerCPU   time.Duration `json:"server_cpu_ns"` // of one decision; governed: of broker, enforcer, agents and observer together
	ClientCPU   time.Duration `json:"client_cpu_ns"` // of one decision
}

// CPU is what one decision takes of all processors.
func (d Decisions) CPU() time.Duration { return d.ServerCPU + d.ClientCPU }

// Flow is one load of actions: intent, decision, claim and outcome.
type Flow struct {
	Who         string        `json:"who"`
	Sync        string        `json:"sync"`
	Outstanding int           `json:"outstanding"`
	Count       int           `json:"count"`
	PerSecond   float64       `json:"per_second"`
	P50         time.Duration `json:"p50_ns,omitempty"` // 0 where it was not measured
	P99         time.Duration `json:"p99_ns,omitempty"`
	CPU         time.Duration `json:"cpu_ns"` // of one action, of everything
}

// Holds reports whether every check holds, and something was measured.
func (r *Result) Holds() bool {
	for _, c := range r.Expected {
		if !c.Holds {
			return false
		}
	}
	return len(r.Decisions)+len(r.Flows) > 0 && len(r.Expected) > 0
}
