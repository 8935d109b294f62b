package transcript

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func credential(c trust.Credential) *Credential {
	told := &Credential{Name: c.ID.Name, Role: trust.RoleName(c.ID.Role), KeyID: c.Key.ID().String(), Expires: c.Expires.UTC()}
	if !c.Build.IsZero() {
		told.Build = c.Build.String()
	}
	return told
}

func intent(digest trust.Digest, c verdict.Content) *Intent {
	in := &Intent{Digest: digest.String()}
	if c.Defect != 0 {
		in.Defect = schemas.ReasonCode(c.Defect)
	}
	if c.Intent == nil {
		return in
	}
	if id, err := uuid.FromBytes(c.Intent.GetId()); err == nil {
		in.ID = id.String()
	}
	in.Agent, in.Session, in.Sequence = c.Intent.GetAgent(), c.Intent.GetSession(), c.Intent.GetSequence()
	in.Tool, in.Action, in.Resource = c.Intent.GetTool(), c.Intent.GetAction(), c.Intent.GetResource()
	in.Deadline, in.Evaluation = moment(c.Intent.GetDeadline()), c.Intent.GetEvaluation()
	if in.Sealed = c.Intent.GetSealed().GetKey(); in.Sealed == "" {
		in.Arguments = asJSON(c.Intent.GetArguments())
	}
	return in
}

// asJSON is an agent's JSON on one line; what is no JSON becomes a JSON string.
func asJSON(text []byte) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, text) == nil {
		return b.Bytes()
	}
	quoted, err := json.Marshal(string(text))
	if err != nil {
		return nil // no string is refused
	}
	return quoted
}

func decision(said *pb.Decision) *Decision {
	return &Decision{
		Intent: Position(ledger.PositionOf(said.GetIntent())), Digest: hex.EncodeToString(said.GetIntentDigest()),
		Verdict: verdictName(said.GetVerdict()), Reasons: codes(said.GetReasons()), Policies: said.GetPolicies(),
		Epoch: said.GetEpoch(), Release: hex.EncodeToString(said.GetRelease()),
		Agent: said.GetAgent(), Session: said.GetSession(), Tool: said.GetTool(),
		Deadline: moment(said.GetDeadline()), Round: said.GetRound(),
	}
}

const (
	allow = "ALLOW"
	deny  = "DENY"
)

// verdictName is DENY for every verdict but ALLOW.
func verdictName(v pb.Verdict) string {
	if v == pb.Verdict_VERDICT_ALLOW {
		return allow
	}
	return deny
}

func codes(reasons []pb.Reason) []string {
	all := make([]string, len(reasons))
	for i, r := range reasons {
		all[i] = schemas.ReasonCode(r)
	}
	return all
}

func outcome(said *pb.Outcome) *Outcome {
	o := &Outcome{
		Claim: Position(ledger.PositionOf(said.GetClaim())), Digest: hex.EncodeToString(said.GetIntentDigest()),
		Status: strings.TrimPrefix(said.GetStatus().String(), "STATUS_"), Result: hex.EncodeToString(said.GetResultDigest()),
		Started: moment(said.GetStarted()), Finished: moment(said.GetFinished()),
	}
	if said.GetReason() != 0 {
		o.Reason = schemas.ReasonCode(said.GetReason())
	}
	return o
}

func pulse(f *ledger.Fold, said *pb.Pulse) *Pulse {
	p := &Pulse{Counter: said.GetCounter(), Epoch: said.GetHead().GetNumber()}
	if fault := f.Pulse().Fault; fault != nil {
		p.Fault = fault.Error()
	}
	return p
}
