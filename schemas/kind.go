package schemas

import (
	"slices"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Kind is a kind of record. The zero value is no kind.
type Kind uint8

// The kinds of records, in the order in which an action meets them.
const (
	KindUnknown Kind = iota
	KindCredential
	KindIntent
	KindDecision
	KindClaim
	KindOutcome
	KindGovernance
	KindApproval
	KindPulse
	KindHeartbeat
	KindCheckpoint
	KindAnswer
	KindDelegation
)

// Token is what the variable part of a kind's subject names.
type Token string

// What the last token of a subject may name.
const (
	TokenNone        Token = ""
	TokenParticipant Token = "name"     // the writer's own name
	TokenAgent       Token = "agent"    // the writing agent's own name
	TokenTool        Token = "tool"     // a tool of the registry, or NoTool
	TokenInstance    Token = "instance" // <role>.<name> of the writer
	TokenRecipient   Token = "agent"    // the agent that is answered
)

// KindInfo is one row of the table of kinds.
type KindInfo struct {
	Kind        Kind
	Name        string    // also the subject token
	PayloadType string    // Envelope.payload_type
	Prefix      string    // first subject token: fabric, heartbeat, checkpoint, answer; "" if it has no subject
	Token       Token     // what the last subject token names
	List        bool      // the payload is a List of items
	Writers     []pb.Role // who may write it
	Message     string    // full protobuf name of the record or item
	Summary     string    // one line for people
}

const (
	mediaPrefix = "application/vnd.portcullis."
	mediaSuffix = ".v1+protobuf"

	// NoTool stands in a subject for "none of the registry's tools".
	NoTool = "none"
)

var enrolled = []pb.Role{
	pb.Role_ROLE_AGENT, pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_SENTINEL,
	pb.Role_ROLE_APPROVER, pb.Role_ROLE_RECORDER, pb.Role_ROLE_AUDITOR,
}

var kinds = []KindInfo{
	{
		KindCredential, "credential", mediaPrefix + "credential" + mediaSuffix, "fabric", TokenParticipant, false, enrolled,
		"portcullis.v1.Credential", "Binds a signing key to a workload identity; introduced once.",
	},
	{
		KindIntent, "intent", mediaPrefix + "intents" + mediaSuffix, "fabric", TokenAgent, true,
		[]pb.Role{pb.Role_ROLE_AGENT},
		"portcullis.v1.Intent", "Actions that an agent asks for.",
	},
	{
		KindDecision, "decision", mediaPrefix + "decisions" + mediaSuffix, "fabric", TokenTool, true,
		[]pb.Role{pb.Role_ROLE_ENFORCER},
		"portcullis.v1.Decision", "Verdicts on intents, signed by one enforcer.",
	},
	{
		KindClaim, "claim", mediaPrefix + "claims" + mediaSuffix, "fabric", TokenTool, true,
		[]pb.Role{pb.Role_ROLE_EXECUTOR},
		"portcullis.v1.Claim", "An executor's bids to act on intents.",
	},
	{
		KindOutcome, "outcome", mediaPrefix + "outcomes" + mediaSuffix, "fabric", TokenTool, true,
		[]pb.Role{pb.Role_ROLE_EXECUTOR},
		"portcullis.v1.Outcome", "What became of valid claims.",
	},
	{
		KindGovernance, "governance", mediaPrefix + "governance" + mediaSuffix, "fabric", TokenNone, false,
		[]pb.Role{pb.Role_ROLE_GOVERNOR, pb.Role_ROLE_SENTINEL},
		"portcullis.v1.Governance", "Genesis, releases, halts, resumes, revocations, trips, losses and seals.",
	},
	{
		KindApproval, "approval", mediaPrefix + "approval" + mediaSuffix, "fabric", TokenNone, false,
		[]pb.Role{pb.Role_ROLE_APPROVER},
		"portcullis.v1.Approval", "A person's answer to an intent that waits for approval.",
	},
	{
		KindPulse, "pulse", mediaPrefix + "pulse" + mediaSuffix, "fabric", TokenNone, false,
		[]pb.Role{pb.Role_ROLE_SENTINEL},
		"portcullis.v1.Pulse", "A sentinel found all well; without a fresh one nothing starts.",
	},
	{
		KindHeartbeat, "heartbeat", mediaPrefix + "heartbeat" + mediaSuffix, "heartbeat", TokenInstance, false,
		[]pb.Role{pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_SENTINEL, pb.Role_ROLE_RECORDER, pb.Role_ROLE_AUDITOR},
		"portcullis.v1.Heartbeat", "A participant's statement of its own state; not on the ledger.",
	},
	{
		KindCheckpoint, "checkpoint", "text/plain", "checkpoint", TokenNone, false,
		[]pb.Role{pb.Role_ROLE_RECORDER, pb.Role_ROLE_WITNESS},
		"", "A C2SP signed note over the ledger's Merkle tree, as text.",
	},
	{
		KindAnswer, "answer", mediaPrefix + "answers" + mediaSuffix, "answer", TokenRecipient, true,
		[]pb.Role{pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR},
		"portcullis.v1.Answer", "Tells an agent what became of its intents; core NATS, not stored.",
	},
	{
		KindDelegation, "delegation", mediaPrefix + "delegation" + mediaSuffix, "", TokenNone, false,
		[]pb.Role{pb.Role_ROLE_AGENT},
		"portcullis.v1.Delegation", "Lets a delegate act for a delegator; travels inside intents.",
	},
}

// Kinds returns the table of kinds.
func Kinds() []KindInfo { return slices.Clone(kinds) }

// Info returns the row of the kind; ok is false for KindUnknown.
func (k Kind) Info() (info KindInfo, ok bool) {
	if k == KindUnknown || int(k) > len(kinds) {
		return KindInfo{}, false
	}
	return kinds[k-1], true
}

// PayloadType returns the Envelope.payload_type of the kind, "" for KindUnknown.
func (k Kind) PayloadType() string {
	info, _ := k.Info()
	return info.PayloadType
}

func (k Kind) String() string {
	if info, ok := k.Info(); ok {
		return info.Name
	}
	return "unknown"
}

// MayWrite reports whether the role may write records of the kind.
func (k Kind) MayWrite(role pb.Role) bool {
	info, ok := k.Info()
	return ok && slices.Contains(info.Writers, role)
}
