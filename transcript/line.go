package transcript

import (
	"encoding/json"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
)

// Position is a ledger position that is "seq.index" in JSON.
type Position ledger.Position

func (p Position) String() string { return ledger.Position(p).String() }

// MarshalText is String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (p *Position) UnmarshalText(text []byte) error {
	parsed, err := ledger.ParsePosition(string(text))
	*p = Position(parsed)
	return err
}

// Line is what is told of one record, or of one item of a list. Exactly one of
// the pointers is set: the one that Kind names.
type Line struct {
	Position Position  `json:"position"`
	LogTime  time.Time `json:"log_time"`
	Kind     string    `json:"kind"`
	By       []string  `json:"by,omitempty"`

	Credential *Credential `json:"credential,omitempty"`
	Intent     *Intent     `json:"intent,omitempty"`
	Decision   *Decision   `json:"decision,omitempty"`
	Claim      *Claim      `json:"claim,omitempty"`
	Outcome    *Outcome    `json:"outcome,omitempty"`
	Governance *Governance `json:"governance,omitempty"`
	Approval   *Approval   `json:"approval,omitempty"`
	Pulse      *Pulse      `json:"pulse,omitempty"`
	Noise      *Noise      `json:"noise,omitempty"`
}

// MarshalJSON adds the text to the fields.
func (l Line) MarshalJSON() ([]byte, error) {
	type fields Line
	return json.Marshal(struct {
		fields
		Text string `json:"text"`
	}{fields(l), l.Text()})
}

// Credential introduces a signing key.
type Credential struct {
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	KeyID   string    `json:"key_id"`
	Build   string    `json:"build,omitempty"` // digest of the executable; absent if none is stated
	Expires time.Time `json:"expires"`
}

// Intent is what an agent asks for. Where Defect is set, other fields than
// Digest may be empty: the item could not be read or breaks a rule.
type Intent struct {
	Digest    string          `json:"digest"`
	Defect    string          `json:"defect,omitempty"`  // reason code
	Resends   *Position       `json:"resends,omitempty"` // where the same intent stands already
	ID        string          `json:"id,omitempty"`      // UUID
	Agent     string          `json:"agent,omitempty"`   // as the intent says; compare with by
	Session   string          `json:"session,omitempty"`
	Sequence  uint64          `json:"sequence,omitempty"`
	Tool      string          `json:"tool,omitempty"`
	Action    string          `json:"action,omitempty"`
	Resource  string          `json:"resource,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"` // a string if they are no JSON
	Sealed    string          `json:"sealed_to,omitempty"` // id of the key that they are sealed to
	Deadline  *time.Time      `json:"deadline,omitempty"`

	Evaluation bool `json:"evaluation,omitempty"` // it asks for a decision only
}

// Decision is one enforcer's verdict.
type Decision struct {
	Defect   string     `json:"defect,omitempty"` // why it counts for nothing; the rest may be empty then
	Intent   Position   `json:"intent"`
	Digest   string     `json:"intent_digest,omitempty"`
	Verdict  string     `json:"verdict,omitempty"` // ALLOW or DENY
	Reasons  []string   `json:"reasons,omitempty"`
	Policies []string   `json:"policies,omitempty"`
	Epoch    uint64     `json:"epoch,omitempty"`
	Release  string     `json:"release,omitempty"`
	Agent    string     `json:"agent,omitempty"`
	Session  string     `json:"session,omitempty"`
	Tool     string     `json:"tool,omitempty"`
	Deadline *time.Time `json:"deadline,omitempty"`
	Round    uint32     `json:"round,omitempty"`

	Votes   int  `json:"votes,omitempty"`   // enforcers who have signed these very bytes so far
	Needed  int  `json:"needed,omitempty"`  // how many make a quorum
	Quorum  bool `json:"quorum,omitempty"`  // this vote completed it
	Differs bool `json:"differs,omitempty"` // other bytes on the same intent and round stand before it
}

// Claim is an executor's bid, and the ruling on it.
type Claim struct {
	Intent      Position `json:"intent"`
	Digest      string   `json:"intent_digest,omitempty"`
	Incarnation string   `json:"incarnation,omitempty"`
	Valid       bool     `json:"valid"`
	Void        string   `json:"void,omitempty"`    // reason code
	Unknown     bool     `json:"unknown,omitempty"` // the telling began too late to rule on it
}

// Outcome is what became of a claim.
type Outcome struct {
	Defect   string     `json:"defect,omitempty"` // why it says nothing; the rest may be empty then
	Claim    Position   `json:"claim"`
	Digest   string     `json:"intent_digest,omitempty"`
	Status   string     `json:"status,omitempty"` // EXECUTED, FAILED, INTERRUPTED, ABANDONED or INDETERMINATE
	Reason   string     `json:"reason,omitempty"`
	Result   string     `json:"result_digest,omitempty"`
	Started  *time.Time `json:"started,omitempty"` // the executor's clock; absent if nothing was started
	Finished *time.Time `json:"finished,omitempty"`
	Repeats  bool       `json:"repeats,omitempty"` // the same outcome stands earlier
	Rogue    bool       `json:"rogue,omitempty"`   // no valid claim, or another outcome than the first
}

// Governance is a record that took effect.
type Governance struct {
	ID     string   `json:"id"` // SHA-256 of its payload; a resume names it
	Epoch  uint64   `json:"epoch"`
	Record string   `json:"record"`            // genesis, release, halt, resume, revoke or trip
	Number uint64   `json:"version,omitempty"` // release
	Scope  string   `json:"scope,omitempty"`   // halt, trip: global, tool:transfer, …
	Rule   string   `json:"rule,omitempty"`    // trip
	Halts  []string `json:"halts,omitempty"`   // resume
	Whom   string   `json:"revoked,omitempty"` // revoke: a SPIFFE ID or a key id
	Reason string   `json:"reason,omitempty"`
}

// Approval is a person's answer to an intent.
type Approval struct {
	Digest  string `json:"intent_digest"`
	Approve bool   `json:"approve"`
	Note    string `json:"note,omitempty"`
}

// Pulse is a sentinel's word that all is well.
type Pulse struct {
	Counter uint64 `json:"counter"`
	Epoch   uint64 `json:"epoch"`           // of the governance head that it names
	Fault   string `json:"fault,omitempty"` // that head is not on this ledger's chain
}

// Noise is a message that is no record.
type Noise struct {
	Reason  string `json:"reason"`
	Detail  string `json:"detail"`
	Subject string `json:"subject"` // empty if the message had headers of its own
	Bytes   int    `json:"bytes"`
}
