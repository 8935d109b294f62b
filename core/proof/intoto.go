package proof

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Names of the in-toto Attestation Framework, version 1, and of our predicate.
const (
	StatementType       = "https://in-toto.io/Statement/v1"
	StatementMediaType  = "application/vnd.in-toto+json"
	DecisionPredicate   = "https://portcullis.dev/attestation/decision/v1"
	intentSubjectPrefix = "portcullis-intent:"
)

// statement is an in-toto Statement v1.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []artifact `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

type artifact struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// predicate is DecisionPredicate. Subject, action, resource, context and decision
// are named as AuthZEN 1.0 names them.
type predicate struct {
	Subject  entity `json:"subject"`
	Action   action `json:"action"`
	Resource entity `json:"resource"`
	Context  about  `json:"context"`
	Decision bool   `json:"decision"`

	Reasons  []string `json:"reasons"`  // dotted codes; empty if allowed
	Policies []string `json:"policies"` // ids of those that determined it
	Release  release  `json:"release"`
	Epoch    uint64   `json:"epoch"`
	LogTime  string   `json:"log_time"` // RFC 3339, where it was decided
	Ledger   address  `json:"ledger"`
	Signers  []string `json:"enforcers"` // SPIFFE IDs of the quorum
	Outcome  Kind     `json:"outcome"`   // what the proof file claims

	Checkpoint string `json:"checkpoint"` // the signed note
}

type entity struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type action struct {
	Name string `json:"name"`
}

type about struct {
	Session         string `json:"session,omitempty"`
	Tool            string `json:"tool,omitempty"`
	ArgumentsDigest string `json:"arguments_sha256,omitempty"`
	Deadline        string `json:"deadline,omitempty"`
}

type release struct {
	Version uint64 `json:"version"`
	Digest  string `json:"sha256"`
}

type address struct {
	Genesis  string   `json:"genesis_sha256"`
	Intent   Position `json:"intent"`
	Decision []uint64 `json:"decisions"`
}

// Statement is an in-toto Statement about the decision that a file proves, in a
// DSSE envelope signed by a key. Its signer says that the file verified under this
// anchor; whoever does not trust the signer wants the file. It refuses a file that
// does not verify, one without a quorum, and an intent that cannot be read
// (ErrRefused).
func Statement(f *File, anchor trust.Digest, key *trust.SigningKey) ([]byte, error) {
	v, err := established(f, anchor)
	if err != nil {
		return nil, err
	}
	if v.read.asked.content == nil {
		return nil, fmt.Errorf("%w: its intent cannot be read, so there is nothing to say of it", ErrRefused)
	}
	payload, err := json.Marshal(statement{
		Type:          StatementType,
		Subject:       []artifact{{intentSubjectPrefix + v.read.intent.String(), map[string]string{"sha256": v.read.intent.String()}}},
		PredicateType: DecisionPredicate,
		Predicate:     v.predicate(),
	})
	if err != nil {
		return nil, fmt.Errorf("proof: encoding a statement: %w", err)
	}
	sealed := dsseEnvelope{StatementMediaType, payload, []dsseSignature{{key.ID().String(), key.Sign(trust.PAE(StatementMediaType, payload))}}}
	text, err := json.Marshal(sealed)
	if err != nil {
		return nil, fmt.Errorf("proof: encoding an envelope: %w", err)
	}
	return text, nil
}

func (v *verification) predicate() predicate {
	in, q := v.read.asked.content, v.decided
	d, at := q.decision, v.moments[v.decidedSeq()]
	p := predicate{
		Subject:  entity{"agent", v.read.asked.agent.String()},
		Action:   action{in.GetAction()},
		Resource: entity{resourceType(at, in.GetTool()), in.GetResource()},
		Context: about{
			Session: in.GetSession(), Tool: in.GetTool(), ArgumentsDigest: trust.DigestIn(in.GetArgumentsDigest()).String(),
			Deadline: in.GetDeadline().AsTime().Format(time.RFC3339Nano),
		},
		Decision: d.GetVerdict() == pb.Verdict_VERDICT_ALLOW,
		Reasons:  reasonCodes(d), Policies: d.GetPolicies(),
		Release: release{at.release.Proto.GetVersion(), at.release.Digest.String()},
		Epoch:   d.GetEpoch(), LogTime: stamp(d.GetLogTime().AsTime()),
		Ledger:  address{Genesis: v.anchor.String(), Intent: v.file.About.Position},
		Outcome: v.file.Kind, Checkpoint: v.file.Checkpoint,
	}
	for _, one := range q.votes {
		p.Ledger.Decision = append(p.Ledger.Decision, one.at)
		p.Signers = append(p.Signers, one.enforcer.String())
	}
	return p
}

// resourceType is what the registry calls a tool's resources; "" if it does not
// know the tool.
func resourceType(at moment, tool string) string {
	if entry, known := at.release.Tool(tool); known {
		return entry.GetResourceType()
	}
	return ""
}
