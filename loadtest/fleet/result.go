package fleet

import (
	"time"

	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// Format names the JSON form of Result.
const Format = "portcullis.dev/loadtest/fleet/v1"

// Result is one fleet at several sizes.
type Result struct {
	Format   string         `json:"format"`
	Begun    time.Time      `json:"begun"`
	Machine  result.Machine `json:"machine"`
	Params   []result.Param `json:"params"`
	Sizes    []Size         `json:"sizes"`
	Expected []result.Check `json:"expected"`
}

// Size is what was measured with one number of followers and of beaters.
type Size struct {
	Followers int     `json:"followers"`
	Halts     Halts   `json:"halts"`
	Memory    Memory  `json:"memory"`
	Beaters   Beaters `json:"beaters"`
}

// Halts is how governance reaches the followers. All times count from the moment at which the governor had the ledger's
// acknowledgement; a follower that was faster counts as zero.
type Halts struct {
	Count   int           `json:"count"`
	Folded  int           `json:"folded"`  // by how many followers each was folded and is in force there; the least of all halts
	Arrived result.Stage  `json:"arrived"` // at each follower, before anything was verified
	Each    result.Stage  `json:"each"`    // folded, by each follower
	Last    result.Stage  `json:"last"`    // folded, by the last follower
	Own     time.Duration `json:"own_ns"`  // what one follower by itself needs to verify and fold one, in the median
}

// Memory is what one follower adds to the process that holds it and the broker, in bytes.
type Memory struct {
	CaughtUp   time.Duration `json:"caught_up_ns"` // until all of them had connected and read the ledger
	Resident   int64         `json:"resident_bytes"`
	Heap       int64         `json:"heap_bytes"`
	Stacks     int64         `json:"stack_bytes"`
	Goroutines float64       `json:"goroutines"`
	Parts      []Part        `json:"parts"` // of the heap, as a sampling profile divides it
	Total      uint64        `json:"total_resident_bytes"`
}

// Part is what one part of the program holds of a follower's heap.
type Part struct {
	Name  string `json:"name"` // broker, client, or this program's own
	Bytes int64  `json:"bytes"`
}

// Beaters is how heartbeats are taken.
type Beaters struct {
	Count    int           `json:"count"`       // participants, each with an identity, a key and a connection of its own
	Heard    int           `json:"heard"`       // of them, how many had a heartbeat folded
	Interval time.Duration `json:"interval_ns"` // of each participant, as the release has it
	// A second each, while everybody beats: what the interval asks for; what was sent, since one waits for another's
	// answer; what was acknowledged before its sender gave it up; what one sentinel's fold came to take.
	Asked      float64       `json:"asked_per_second"`
	Sent       float64       `json:"sent_per_second"`
	Acked      float64       `json:"acked_per_second"`
	Folded     float64       `json:"folded_per_second"`
	Refused    int           `json:"refused"`         // of what the sentinel's fold was given, what it did not take for authentic
	Age        result.Stage  `json:"age"`             // from the beat's own clock until it was folded
	Broker     float64       `json:"broker_capacity"` // a second, of heartbeats that were signed before
	Fold       float64       `json:"fold_capacity"`   // a second, one after the other as a sentinel does
	Introduced time.Duration `json:"introduced_ns"`   // until all credentials stood on the ledger
	Start      time.Duration `json:"start_ns"`        // until one new follower had folded them
	Held       int64         `json:"held_bytes"`      // heap of one follower's fold of the whole zone
	Accounts   int64         `json:"account_bytes"`   // heap of the broker, for one participant that is not connected
}

// Holds reports whether every check of every size holds.
func (r *Result) Holds() bool {
	for _, c := range r.Expected {
		if !c.Holds {
			return false
		}
	}
	return len(r.Sizes) > 0 && len(r.Expected) > 0
}
