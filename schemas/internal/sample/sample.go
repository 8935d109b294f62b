// Package sample holds one valid record of each kind. The golden vectors and the
// examples of the AsyncAPI document are made from them.
package sample

import (
	"crypto/sha256"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

const (
	agent    = "spiffe://example.test/z1/agent/alice"
	delegate = "spiffe://example.test/z1/agent/bob"
	executor = "spiffe://example.test/z1/executor/x1"
	sentinel = "spiffe://example.test/z1/sentinel/s1"
	approver = "spiffe://example.test/z1/approver/p1"
	recorder = "spiffe://example.test/z1/recorder/r1"

	arguments = `{"amount":250}`
)

// Record returns the sample of a kind, nil for checkpoints, which are text.
func Record(kind schemas.Kind) proto.Message {
	records := map[schemas.Kind]proto.Message{
		schemas.KindCredential: &pb.Credential{
			SpiffeId: agent, PublicKey: digest("key"), BuildDigest: digest("build"),
			NotBefore: at(0), Expires: at(time.Hour), Svid: [][]byte{[]byte("leaf certificate, DER")},
		},
		schemas.KindIntent: intent(),
		schemas.KindDecision: &pb.Decision{
			Intent: position(), IntentDigest: digest("intent"), Verdict: pb.Verdict_VERDICT_ALLOW, Policies: []string{"small-payments"},
			Obligations: []*pb.Obligation{{Id: "notify", Value: "owner"}}, Epoch: 2, Release: digest("release"),
			Deadline: at(time.Minute), LogTime: at(time.Second), Agent: agent, Session: "session-1", Tool: "pay", SessionSequence: 2,
			Charges: []*pb.Charge{{Limit: "daily", Key: agent, Amount: 250}},
		},
		schemas.KindClaim: &pb.Claim{IntentDigest: digest("intent"), Intent: position(), Executor: executor, Incarnation: id()},
		schemas.KindOutcome: &pb.Outcome{
			IntentDigest: digest("intent"), Claim: position(), Status: pb.Status_STATUS_EXECUTED, ResultDigest: digest("result"),
			Started: at(time.Second), Finished: at(2 * time.Second), Head: head(), Executor: executor,
		},
		schemas.KindGovernance: &pb.Governance{
			Ledger: digest("genesis"), Id: id(), Record: &pb.Governance_Halt{Halt: &pb.Halt{
				Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "pay"}, Reason: "payments look wrong",
			}},
		},
		schemas.KindApproval: &pb.Approval{Ledger: digest("genesis"), IntentDigest: digest("intent"), Approver: approver, Approve: true, Note: "agreed"},
		schemas.KindPulse: &pb.Pulse{
			Ledger: digest("genesis"), Sentinel: sentinel, Incarnation: id(), Counter: 9, Head: head(), Release: digest("release"),
			Checkpoint: &pb.CheckpointHead{Size: 40, Root: digest("root")}, Clock: at(time.Second),
			Span: &pb.Span{From: 31, To: 40, Digest: digest("span")},
		},
		schemas.KindHeartbeat: &pb.Heartbeat{
			Ledger: digest("genesis"), Participant: executor, Incarnation: id(), Counter: 9, Epoch: 2, Release: digest("release"),
			Head: head(), Position: 41, Lag: 1, BuildDigest: digest("build"), ConfigDigest: digest("config"), Clock: at(time.Second),
			Started: true, StatePosition: 40, Running: 1, LastStart: &pb.Start{Claim: position(), At: at(time.Second)},
			Findings: []*pb.Finding{{
				Rule: "clock.skew", Level: pb.Level_LEVEL_WARN, Subject: executor, Detail: "1.2 s ahead", Since: at(time.Second),
			}},
		},
		schemas.KindAnswer: &pb.Answer{
			IntentDigest: digest("intent"), Body: &pb.Answer_Outcome{Outcome: []byte("an Outcome")}, Position: position(), Result: []byte("done"),
		},
		schemas.KindDelegation: &pb.Delegation{
			Ledger: digest("genesis"), Delegator: agent, Delegate: delegate, Tools: []string{"pay"}, Expires: at(time.Hour),
		},
	}
	return records[kind]
}

// Parts returns samples of what travels around and inside records, by name.
func Parts() map[string]proto.Message {
	governance := func(g *pb.Governance) *pb.Governance {
		g.Ledger, g.Id = digest("genesis"), id()
		return g
	}
	return map[string]proto.Message{
		"envelope": &pb.Envelope{
			PayloadType: schemas.KindIntent.PayloadType(), Payload: []byte("a List"),
			Signatures: []*pb.Signature{{KeyId: digest("key"), Sig: make([]byte, 64)}},
		},
		"list":                 &pb.List{Ledger: digest("genesis"), Items: [][]byte{[]byte("one"), []byte("two")}},
		"intent-sealed":        sealed(),
		"governance-genesis":   &pb.Governance{Id: id(), Record: &pb.Governance_Genesis{Genesis: genesis()}},
		"governance-continues": &pb.Governance{Id: id(), Record: &pb.Governance_Genesis{Genesis: continuing()}},
		"governance-release":   governance(&pb.Governance{Record: &pb.Governance_Release{Release: release()}}),
		"governance-recorded":  governance(&pb.Governance{Record: &pb.Governance_Release{Release: recorded()}}),
		"governance-resume": governance(&pb.Governance{Record: &pb.Governance_Resume{
			Resume: &pb.Resume{Halts: [][]byte{digest("halt")}, Reason: "found and mended"},
		}}),
		"governance-revoke": governance(&pb.Governance{Record: &pb.Governance_Revoke{
			Revoke: &pb.Revoke{Subject: &pb.Revoke_SpiffeId{SpiffeId: agent}, Reason: "left"},
		}}),
		"governance-trip": governance(&pb.Governance{Record: &pb.Governance_Trip{Trip: &pb.Trip{
			Rule: "heartbeat.missing", Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, Detail: "x1 silent for 5 intervals",
		}}}),
		"governance-loss": governance(&pb.Governance{Record: &pb.Governance_Loss{
			Loss: &pb.Loss{Lost: &pb.CheckpointHead{Size: 40, Root: digest("root")}, Kept: 37, Reason: "power failed"},
		}}),
		"governance-seal": governance(&pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "the year is over"}}}),
		"heartbeat-recorder": &pb.Heartbeat{
			Ledger: digest("genesis"), Participant: recorder, Incarnation: id(), Counter: 9, Epoch: 2, Release: digest("release"),
			Head: head(), Position: 41, BuildDigest: digest("build"), ConfigDigest: digest("config"), Clock: at(time.Second), Started: true,
			Checkpoint: &pb.CheckpointHead{Size: 40, Root: digest("root")}, Cosignatures: 2,
		},
	}
}

func intent() *pb.Intent {
	return &pb.Intent{
		Id: id(), Agent: agent, Session: "session-1", Sequence: 2, Previous: digest("intent 1"),
		Parents: [][]byte{digest("parent")}, Delegation: [][]byte{[]byte("a Delegation envelope")},
		Tool: "pay", Action: "pay", Resource: "account/7", Arguments: []byte(arguments), ArgumentsDigest: digest(arguments),
		Context: []byte(`{"ticket":"T-1"}`), Deadline: at(time.Minute),
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
}

// sealed is the intent with its arguments sealed: 32 bytes of encapsulated key,
// then the ciphertext of 32 random bytes and the arguments, with its tag.
func sealed() *pb.Intent {
	i := intent()
	i.Arguments, i.ArgumentsDigest = nil, digest("random bytes and arguments")
	i.Sealed = &pb.Sealed{Key: "y2026", Data: make([]byte, 32+32+len(arguments)+16)}
	return i
}

func continuing() *pb.Genesis {
	g := genesis()
	g.Continues = &pb.Continues{Ledger: digest("sealed genesis"), Checkpoint: []byte("a signed note")}
	return g
}

// recorded is the release with a recorder, a witness and a key to seal to.
func recorded() *pb.Release {
	r := release()
	r.Directory = append(r.Directory,
		&pb.Identity{Name: "r1", Role: pb.Role_ROLE_RECORDER, Required: true, LogKeys: []*pb.LogKey{
			{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519, PublicKey: digest("log key")},
			{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ML_DSA_44, PublicKey: make([]byte, 1312)},
		}},
		&pb.Identity{Name: "w1", Role: pb.Role_ROLE_WITNESS, Verifier: "example.test/w1+8a1f2c3d+a verifier key"},
	)
	r.WitnessThreshold = 1
	r.SealingKeys = []*pb.SealingKey{{Id: "y2026", PublicKey: digest("sealing key")}}
	return r
}

func genesis() *pb.Genesis {
	return &pb.Genesis{
		TrustDomain: "example.test", Zone: "z1", Governors: governors(),
		Thresholds: &pb.GovernorThresholds{Release: 1, Resume: 1}, Created: at(0),
	}
}

func release() *pb.Release {
	second := durationpb.New(time.Second)
	least, most := int64(0), int64(1000)
	return &pb.Release{
		Version: 1, Replaces: digest("genesis"), NotBefore: at(0), Expires: at(time.Hour), Governors: governors(),
		Thresholds: &pb.GovernorThresholds{Release: 1, Resume: 1}, Issuers: [][]byte{[]byte("root certificate, DER")},
		Directory: []*pb.Identity{{
			Name: "alice", Role: pb.Role_ROLE_AGENT, Groups: []string{"clerks"}, Tools: []string{"pay"},
			Attributes: []*pb.Value{{Name: "clearance", Value: &pb.Value_Number{Number: -1}}, {Name: "teams", Value: &pb.Value_Texts{Texts: &pb.TextSet{Values: []string{"a"}}}}},
		}},
		DecisionThreshold: 1,
		Tools: []*pb.Tool{{Name: "pay", ResourceType: "Account", RunLimit: second, Arguments: []*pb.Attribute{
			{Name: "amount", Type: pb.AttributeType_ATTRIBUTE_TYPE_LONG, Required: true, Min: &least, Max: &most},
		}}},
		Policies: []*pb.PolicySource{{Name: "pay.cedar", Text: "@id(\"small-payments\")\npermit (principal, action, resource);\n"}},
		Limits:   []*pb.Limit{{Id: "daily", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: 1000, Window: second}},
		Bounds: &pb.Bounds{
			Memory: second, MaxDeadline: second, Start: durationpb.New(250 * time.Millisecond), PulseLimit: second, PulseInterval: second,
			MaxClockSkew: second, Hedge: second, HeartbeatInterval: second, MaxSessions: 16,
		},
		Drift: []*pb.DriftRule{{Rule: "heartbeat.missing", Intervals: 5}},
	}
}

func governors() []*pb.Governor { return []*pb.Governor{{Name: "g0", PublicKey: digest("governor")}} }

func head() *pb.Head { return &pb.Head{Number: 2, Digest: digest("head")} }

func position() *pb.Position { return &pb.Position{Sequence: 41, Index: 3} }

func id() []byte { return []byte("\x01\x9b\x76\xda\xa8\x00\x70\x00\x80\x00\x00\x00\x00\x00\x00\x01") }

func digest(of string) []byte {
	d := sha256.Sum256([]byte(of))
	return d[:]
}

func at(after time.Duration) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(after))
}
