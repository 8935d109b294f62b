package verdict

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Decide derives the decision on an intent from the state, the rules of the
// release in force and the fold at the intent's position. It changes nothing
// but what has expired: call Apply with the result.
//
// Order: PROTOCOL section 7. Every reason is collected; ALLOW is what is left
// when there is none. A re-send of an intent that was decided before its
// deadline gets no second decision: the result is nil. It is nil too where no
// decision can be derived, because the arguments are sealed: see Rules.Sealed.
func (s *State) Decide(f *ledger.Fold, rules *Rules, in Intent) *pb.Decision {
	s.Expire(nanos(f.LogTime()))
	if s.Seen(in.Digest) || rules.Sealed(in) {
		return nil
	}
	c := newDeciding(s, f, rules, in)
	c.start()
	c.decide()
	return c.finish()
}

// maxPolicies is how many policies a decision names at most (Decision.policies).
const maxPolicies = 64

// deciding is the work on one decision.
type deciding struct {
	state   *State
	fold    *ledger.Fold
	rules   *Rules
	in      Intent
	content *pb.Intent

	arguments []byte // opened, if they were sealed
	legible   bool   // arguments are what the agent gave; else there are none

	wait *wait // of which a further round is decided; nil in round 0

	d        *pb.Decision
	reasons  []pb.Reason
	standing bool // the sender's credential counts now
}

func newDeciding(s *State, f *ledger.Fold, rules *Rules, in Intent) *deciding {
	c := &deciding{state: s, fold: f, rules: rules, in: in, content: in.Content}
	c.arguments, c.legible = rules.arguments(in)
	return c
}

func (c *deciding) deny(r pb.Reason) { c.reasons = append(c.reasons, r) }

func (c *deciding) denyIf(bad bool, r pb.Reason) {
	if bad {
		c.deny(r)
	}
}

func (c *deciding) start() {
	gov := c.fold.Governance()
	c.d = &pb.Decision{
		Intent:       c.in.Position.Proto(),
		IntentDigest: c.in.Digest[:],
		Epoch:        gov.Epoch(),
		Release:      c.rules.Release.Digest[:],
		LogTime:      timestamppb.New(c.fold.LogTime()),
		Agent:        c.in.Signer.ID.String(),
	}
	c.denyIf(!c.rules.Release.ValidAt(c.fold.LogTime()), pb.Reason_REASON_RELEASE_EXPIRED)
}

func (c *deciding) decide() {
	c.checkSender()
	c.denyIf(c.in.Defect != 0, c.in.Defect)
	c.denyIf(c.in.Size > c.rules.Release.Bounds.MaxIntentBytes, pb.Reason_REASON_INTENT_OVERSIZED)
	if c.content == nil {
		c.denyIf(c.in.Defect == 0, pb.Reason_REASON_INTENT_MALFORMED) // not even read
		return
	}
	c.checkContent()
}

// senderReasons translates what the ledger says of any signer's standing into
// what it means for an agent.
var senderReasons = map[pb.Reason]pb.Reason{
	pb.Reason_REASON_NOISE_UNENROLLED: pb.Reason_REASON_AGENT_UNKNOWN,
	pb.Reason_REASON_NOISE_REVOKED:    pb.Reason_REASON_AGENT_REVOKED,
	pb.Reason_REASON_NOISE_EXPIRED:    pb.Reason_REASON_CREDENTIAL_EXPIRED,
	pb.Reason_REASON_NOISE_BUILD:      pb.Reason_REASON_BUILD_UNATTESTED,
}

func (c *deciding) checkSender() {
	reason, ok := c.fold.Standing(c.in.Signer)
	c.standing = ok
	if !ok {
		translated, known := senderReasons[reason]
		if !known {
			translated = pb.Reason_REASON_AGENT_UNKNOWN
		}
		c.deny(translated)
	}
}

func (c *deciding) checkContent() {
	in, id := c.content, c.d.GetAgent()
	forged := in.GetAgent() != id
	c.denyIf(forged, pb.Reason_REASON_INTENT_FORGED)
	c.denyIf(!c.legible, pb.Reason_REASON_ARGUMENTS_SEALED)
	c.d.Deadline, c.d.Evaluation = in.GetDeadline(), in.GetEvaluation()
	c.checkDeadline()
	if !forged { // what a forger says of a session says nothing of his own
		c.d.Session = in.GetSession()
		if c.wait == nil { // it moved its session in round 0
			c.checkSession()
		}
	}
	_, halted := c.fold.Governance().Halted(governance.Target{
		Zone: c.fold.Governance().Zone(), Tool: in.GetTool(), Agent: id, Session: in.GetSession(),
	})
	c.denyIf(halted, pb.Reason_REASON_HALTED)
	tool, known := c.rules.Release.Tool(in.GetTool())
	if !known {
		c.deny(pb.Reason_REASON_TOOL_UNKNOWN)
		return
	}
	c.d.Tool = tool.GetName()
	c.denyIf(in.GetAction() != governance.ToolAction(tool), pb.Reason_REASON_ACTION_MISMATCH)
	// What the agent believes a tool to be is what the governors signed, or nothing.
	c.denyIf(!bytes.Equal(in.GetDefinitionDigest(), tool.GetDefinitionDigest()), pb.Reason_REASON_TOOL_DEFINITION)
	c.checkAuthority()
}

func (c *deciding) checkDeadline() {
	left := c.content.GetDeadline().AsTime().Sub(c.fold.LogTime())
	c.denyIf(left <= 0, pb.Reason_REASON_DEADLINE_PASSED)
	c.denyIf(left > c.rules.Release.Bounds.MaxDeadline, pb.Reason_REASON_DEADLINE_FAR)
}

// checkSession judges the intent against the session's newest one. Whatever the
// verdict, an intent of a sender in standing beyond it becomes the session's newest; one at or before
// it does not move the session.
func (c *deciding) checkSession() {
	if _, enrolled := c.rules.Release.Identity(c.in.Signer.ID); !enrolled {
		return // strangers get no session
	}
	key := sessionKey{c.d.GetAgent(), c.content.GetSession()}
	held, known := c.state.sessions[key]
	if !known {
		if c.state.open[key.agent] >= c.rules.Release.Bounds.MaxSessions {
			c.deny(pb.Reason_REASON_SESSION_LIMIT)
			return
		}
		held = &session{}
	}
	sequence := c.content.GetSequence()
	if sequence <= held.sequence {
		c.deny(pb.Reason_REASON_SESSION_EQUIVOCATION)
		return
	}
	if c.standing { // a thief with a revoked key must not use up the owner's sessions
		c.d.SessionSequence = sequence
	}
	c.denyIf(sequence != held.sequence+1, pb.Reason_REASON_SESSION_GAP)
	c.denyIf(!continuesFrom(held, c.content.GetPrevious()), pb.Reason_REASON_SESSION_FORK)
}

func continuesFrom(held *session, previous []byte) bool {
	if held.sequence == 0 {
		return len(previous) == 0
	}
	return trust.DigestIn(previous) == held.head
}

// checkAuthority asks directory, delegation, policy and limits.
func (c *deciding) checkAuthority() {
	entry, enrolled := c.rules.Release.Identity(c.in.Signer.ID)
	c.denyIf(!enrolled || !entry.MayUse(c.d.GetTool()), pb.Reason_REASON_TOOL_FORBIDDEN)
	if !enrolled {
		return
	}
	request := c.request()
	c.denyIf(len(c.content.GetDelegation()) > 0 && request.Delegator.ID == "", pb.Reason_REASON_DELEGATION_INVALID)
	if c.rules.Policy == nil {
		c.deny(pb.Reason_REASON_POLICY_INVALID)
		return
	}
	if !c.legible {
		return // policy is asked about arguments or not at all
	}
	result := c.rules.Policy.Evaluate(request)
	c.d.Policies = result.Policies[:min(len(result.Policies), maxPolicies)]
	if reason := policyReason(result); reason != 0 {
		c.deny(reason)
	}
	if argumentsAdmitted(result.Code) {
		c.checkLimits(request.Usage)
	}
}

// argumentsAdmitted reports whether policy got as far as to find the arguments
// as declared. Before that nothing may be read out of them.
func argumentsAdmitted(c policy.Code) bool {
	switch c {
	case policy.Unevaluated, policy.ToolUnknown, policy.PrincipalInvalid, policy.ResourceInvalid, policy.ArgumentsInvalid, policy.InternalError:
		return false
	case policy.ContextInvalid, policy.StateInvalid, policy.Forbidden, policy.EvaluationError, policy.DefaultDeny, policy.ApprovalPending, policy.Allowed:
		return true
	default:
		return false
	}
}

// policyReason is the reason that a policy result gives for DENY; 0 for ALLOW
// and nothing else.
func policyReason(r policy.Result) pb.Reason {
	switch r.Code {
	case policy.Allowed:
		if r.Allow && len(r.Errors) == 0 {
			return 0
		}
		return pb.Reason_REASON_POLICY_ERROR
	case policy.ToolUnknown:
		return pb.Reason_REASON_TOOL_UNKNOWN
	case policy.ArgumentsInvalid, policy.ContextInvalid, policy.ResourceInvalid:
		return pb.Reason_REASON_ARGUMENTS_INVALID
	case policy.Forbidden:
		return pb.Reason_REASON_POLICY_FORBIDDEN
	case policy.DefaultDeny:
		return pb.Reason_REASON_POLICY_DEFAULT_DENY
	case policy.ApprovalPending:
		return pb.Reason_REASON_APPROVAL_PENDING
	case policy.Unevaluated, policy.PrincipalInvalid, policy.StateInvalid, policy.InternalError, policy.EvaluationError:
		return pb.Reason_REASON_POLICY_ERROR
	default:
		return pb.Reason_REASON_POLICY_ERROR
	}
}

// request is what policy is asked. Usage has every limit of the release, also
// those that do not count this tool: policies may set one tool's use against
// another's. Delegator is set if there is a delegation chain and it holds.
func (c *deciding) request() policy.Request {
	usage := make(map[string]int64, len(c.rules.limits))
	for _, l := range c.rules.limits {
		usage[l.id] = c.state.used(bucketKey{l.id, c.limitKey(l)}, l.window)
	}
	request := policy.Request{
		Principal: c.rules.principal(c.in.Signer.ID),
		Tool:      c.d.GetTool(),
		Resource:  c.content.GetResource(),
		Arguments: c.arguments,
		Context:   c.content.GetContext(),
		Session:   c.content.GetSequence(),
		Usage:     usage,
		LogTime:   c.fold.LogTime(),
	}
	if c.wait != nil {
		request.Approvals = c.wait.approvals(c.fold, c.rules)
	}
	if root, ok := delegator(c.fold, c.content); ok {
		request.Delegator = c.rules.principal(root)
	}
	return request
}

func (c *deciding) limitKey(l limit) string {
	switch l.key {
	case pb.LimitKey_LIMIT_KEY_TOOL:
		return c.d.GetTool()
	case pb.LimitKey_LIMIT_KEY_SESSION:
		return c.d.GetAgent() + "#" + c.content.GetSession()
	case pb.LimitKey_LIMIT_KEY_AGENT, pb.LimitKey_LIMIT_KEY_UNSPECIFIED:
		return c.d.GetAgent()
	default:
		return c.d.GetAgent()
	}
}

func (c *deciding) checkLimits(used map[string]int64) {
	for _, i := range c.rules.limitsOf[c.d.GetTool()] {
		l := c.rules.limits[i]
		amount, ok := c.amount(l)
		if !ok || amount > l.max-min(used[l.id], l.max) {
			c.deny(pb.Reason_REASON_LIMIT_EXCEEDED)
			continue
		}
		c.d.Charges = append(c.d.Charges, &pb.Charge{Limit: l.id, Key: c.limitKey(l), Amount: amount})
	}
}

// amount is what the intent would take from a limit. Policy has checked the
// arguments against their declaration; what is not a whole number all the same
// is over any limit.
func (c *deciding) amount(l limit) (int64, bool) {
	if l.argument == "" {
		return 1, true
	}
	var arguments map[string]json.RawMessage
	var n int64
	if json.Unmarshal(c.arguments, &arguments) != nil || json.Unmarshal(arguments[l.argument], &n) != nil {
		return math.MaxInt64, false
	}
	return n, n >= 0
}

func (c *deciding) finish() *pb.Decision {
	slices.Sort(c.reasons)
	c.d.Reasons = slices.Compact(c.reasons)
	if len(c.d.GetReasons()) == 0 {
		c.d.Verdict = pb.Verdict_VERDICT_ALLOW
	}
	if c.d.GetVerdict() != pb.Verdict_VERDICT_ALLOW || c.d.GetEvaluation() {
		c.d.Charges = nil // what cannot be done takes nothing
	}
	return c.d
}

// Unreadable is the decision on an authentic list of intents that cannot be
// read at all: one DENY at index 0, named by the payload's digest.
func Unreadable(f *ledger.Fold, rules *Rules, rec ledger.Record) *pb.Decision {
	c := &deciding{fold: f, rules: rules, in: Intent{
		Position: ledger.Position{Seq: rec.Seq}, Digest: rec.PayloadDigest, Signer: rec.Signer,
	}}
	c.start()
	c.checkSender()
	c.deny(pb.Reason_REASON_PAYLOAD_MALFORMED)
	return c.finish()
}

// Encode is the decision's bytes: the same for every enforcer.
func Encode(d *pb.Decision) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(d)
}

// Subject is the token of the subject that a decision belongs on.
func Subject(d *pb.Decision) string {
	if d.GetTool() == "" {
		return schemas.NoTool
	}
	return d.GetTool()
}

// PolicyRequest is what Decide asks of policy about an intent, for explanations.
// Call it before the intent's decision is applied. ok is false if the intent
// does not get as far as policy. The approvals are those of an intent that waits.
func (s *State) PolicyRequest(f *ledger.Fold, rules *Rules, in Intent) (policy.Request, bool) {
	if in.Content == nil {
		return policy.Request{}, false
	}
	tool, known := rules.Release.Tool(in.Content.GetTool())
	_, enrolled := rules.Release.Identity(in.Signer.ID)
	c := newDeciding(s, f, rules, in)
	if !known || !enrolled || !c.legible {
		return policy.Request{}, false
	}
	c.wait = s.waits[in.Digest]
	c.d = &pb.Decision{Agent: in.Signer.ID.String(), Tool: tool.GetName()}
	return c.request(), true
}
