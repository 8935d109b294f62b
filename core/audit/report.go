package audit

import (
	"time"
)

// Report is what an audit found. It is a value: nothing in it changes any more.
type Report struct {
	Ledger      string    `json:"ledger"` // digest of genesis, hexadecimal
	TrustDomain string    `json:"trust_domain"`
	Zone        string    `json:"zone"`
	First       uint64    `json:"first"` // positions read
	Last        uint64    `json:"last"`
	Begun       time.Time `json:"begun,omitzero"` // log times of the first and the last
	Ended       time.Time `json:"ended,omitzero"`

	// Whole says that the records begin with genesis: only then are verdicts derived
	// again. An audit of a range checks everything else.
	Whole bool `json:"whole"`

	Records    map[string]uint64 `json:"records"` // by kind
	Items      uint64            `json:"items"`   // of lists
	Signatures uint64            `json:"signatures"`
	Noise      map[string]uint64 `json:"noise,omitempty"` // by reason: records that count for nothing
	Verdicts   uint64            `json:"verdicts"`        // derived again
	Compared   uint64            `json:"compared"`        // recorded decisions compared with them

	Intents uint64            `json:"intents"`
	Final   map[State]uint64  `json:"final"`                 // one for each intent
	Open    uint64            `json:"open,omitempty"`        // intents that had no final state yet at the end
	Void    map[string]uint64 `json:"void_claims,omitempty"` // by reason

	Tree       Tree       `json:"tree"`
	Governance []Governed `json:"governance"`
	Closed     []Closed   `json:"closed,omitempty"` // when nothing at all could start
	Findings   []Finding  `json:"findings"`
	More       uint64     `json:"more_findings,omitempty"` // beyond those that are listed
	Unjudged   []string   `json:"unjudged,omitempty"`      // what this audit could not judge, in sentences
}

// Clean reports whether nothing was found.
func (r *Report) Clean() bool { return len(r.Findings) == 0 && r.More == 0 }

// Tree is the ledger's Merkle tree over the records read.
type Tree struct {
	Size        uint64       `json:"size"`
	Root        string       `json:"root"` // base64, as in checkpoints
	Checkpoints []Checkpoint `json:"checkpoints,omitempty"`
	Covered     uint64       `json:"covered"` // positions that a checkpoint which fits covers
}

// Checkpoint is a checkpoint that fits the records.
type Checkpoint struct {
	Size      uint64   `json:"size"`
	Recorder  string   `json:"recorder"`
	Witnesses []string `json:"witnesses,omitempty"`
	Witnessed bool     `json:"witnessed"` // by as many as the release asks for
}

// State is what finally became of an intent. Every intent has exactly one.
type State string

// The final states.
const (
	StateExecuted      State = "executed"
	StateFailed        State = "failed"
	StateInterrupted   State = "interrupted"
	StateAbandoned     State = "abandoned"
	StateIndeterminate State = "indeterminate"
	StateDenied        State = "denied"    // a quorum denied it
	StateEvaluated     State = "evaluated" // allowed, and asked for a decision only
	StateVoid          State = "void"      // allowed, and every claim on it was void
	StateExpired       State = "expired"   // no quorum, or no claim, before its deadline
)

// States lists the final states, in the order in which people want them.
func States() []State {
	return []State{StateExecuted, StateFailed, StateInterrupted, StateAbandoned, StateIndeterminate, StateDenied, StateEvaluated, StateVoid, StateExpired}
}

// Governed is a governance record that took effect.
type Governed struct {
	Position uint64    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	Epoch    uint64    `json:"epoch"`
	Kind     string    `json:"kind"` // genesis, release, halt, resume, revoke, trip, loss, seal, drill
	Text     string    `json:"text"` // what it did, for people
	Signers  []string  `json:"signers"`
}

// Closed is a time in which nothing at all could start: from a log time on until
// another; Until is zero if it lasted to the end.
type Closed struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
	Why   string    `json:"why"` // "no release", "halted", "no pulse", "release expired", "sealed"
}
