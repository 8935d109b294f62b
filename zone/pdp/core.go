package pdp

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Core answers questions from one prefix of a ledger. It belongs to one goroutine.
type Core struct {
	fold    *ledger.Fold
	state   *verdict.State
	rules   *verdict.Rules // of the release that was in force when it was asked last
	tools   map[string]*pb.Tool
	keys    map[trust.Identity][]trust.KeyID // introduced, oldest first
	session string                           // that no agent has begun
}

// NewCore answers from where a fold stands, and from a state that whoever holds it
// may go on to change.
func NewCore(f *ledger.Fold, s *verdict.State) (*Core, error) {
	var name [12]byte
	if _, err := rand.Read(name[:]); err != nil {
		return nil, fmt.Errorf("pdp: no randomness for a session's name: %w", err)
	}
	return &Core{fold: f, state: s, keys: make(map[trust.Identity][]trust.KeyID), session: "question-" + hex.EncodeToString(name[:])}, nil
}

// Release is the release in force; nil before the first.
func (c *Core) Release() *governance.Release { return c.fold.Governance().Release() }

// Tool is the tool that has an action.
func (c *Core) Tool(action string) (*pb.Tool, bool) {
	if !c.ready() {
		return nil, false
	}
	t, ok := c.tools[action]
	return t, ok
}

// Decide answers as enforcers would decide an intent that begins a session and
// stands right behind the prefix: with its log time, in the release's terms.
func (c *Core) Decide(q Question) Answer {
	if !c.ready() {
		return c.deny(pb.Reason_REASON_RELEASE_EXPIRED)
	}
	id := trust.Identity{TrustDomain: c.fold.Governance().TrustDomain(), Zone: c.fold.Governance().Zone(), Role: pb.Role_ROLE_AGENT, Name: q.Agent}
	if _, enrolled := c.rules.Release.Identity(id); !enrolled {
		return c.deny(pb.Reason_REASON_AGENT_UNKNOWN)
	}
	tool, known := c.tools[q.Action]
	switch {
	case !known:
		return c.deny(pb.Reason_REASON_TOOL_UNKNOWN)
	case tool.GetResourceType() != q.ResourceType:
		return c.deny(pb.Reason_REASON_ARGUMENTS_INVALID)
	}
	in, err := c.intent(q, tool, id)
	if err != nil {
		return c.deny(pb.Reason_REASON_INTENT_MALFORMED)
	}
	return c.answer(in, q.Explain)
}

// ready compiles the release in force. It reports whether there is one.
func (c *Core) ready() bool {
	release := c.Release()
	if release == nil {
		return false
	}
	if c.rules == nil || c.rules.Release.Digest != release.Digest {
		c.rules = verdict.Compile(release)
		c.tools = make(map[string]*pb.Tool, len(release.Proto.GetTools()))
		for _, t := range release.Proto.GetTools() {
			c.tools[governance.ToolAction(t)] = t
		}
	}
	return true
}

func (c *Core) answer(in verdict.Intent, explain bool) Answer {
	d := c.state.Decide(c.fold, c.rules, in)
	a := c.deny(d.GetReasons()...)
	a.Policies = d.GetPolicies()
	a.Allowed = d.GetVerdict() == pb.Verdict_VERDICT_ALLOW && len(d.GetReasons()) == 0
	if explain && !a.Allowed {
		var request *policy.Request
		if r, asked := c.state.PolicyRequest(c.fold, c.rules, in); asked {
			request = &r
		}
		a.Explanation = verdict.Explain(c.rules, d, request)
	}
	return a
}

func (c *Core) deny(reasons ...pb.Reason) Answer {
	a := Answer{Reasons: reasons, At: ledger.Position{Seq: c.fold.Seq()}, LogTime: c.fold.LogTime()}
	if r := c.Release(); r != nil {
		a.Release = r.Digest
	}
	return a
}

// longest is how far off the deadline of a question's intent is at most.
const longest = 10 * time.Second

// intent is the intent that a question would be. It goes through its bytes, so that
// the schema and the release's bounds judge it as they judge every intent. Its id is
// the same each time, and so its digest is the question's.
func (c *Core) intent(q Question, tool *pb.Tool, id trust.Identity) (verdict.Intent, error) {
	arguments := []byte(q.Arguments)
	if len(arguments) == 0 {
		arguments = []byte("{}")
	}
	digest := trust.DigestOf(arguments)
	item, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.Intent{
		Id: make([]byte, 16), Agent: id.String(), Session: c.session, Sequence: 1,
		Tool: tool.GetName(), Action: q.Action, Resource: q.Resource,
		Arguments: arguments, ArgumentsDigest: digest[:], Context: q.Context,
		Deadline:         timestamppb.New(c.fold.LogTime().Add(min(longest, c.rules.Release.Bounds.MaxDeadline))),
		DefinitionDigest: tool.GetDefinitionDigest(), // the tool as the governors signed it
	})
	if err != nil {
		return verdict.Intent{}, fmt.Errorf("pdp: a question that is no intent: %w", err)
	}
	content := verdict.Read(item)
	return verdict.Intent{
		Position: ledger.Position{Seq: c.fold.Seq() + 1}, Digest: trust.DigestOf(item), Size: len(item),
		Signer: c.signer(id), Content: content.Intent, Defect: content.Defect,
	}, nil
}
