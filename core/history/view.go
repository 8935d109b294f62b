package history

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Intent is an intent and all that the ledger says about it. It is a copy: what
// the history is told later does not change it.
type Intent struct {
	Position   string     `json:"position"`
	LogTime    time.Time  `json:"log_time"`
	Digest     string     `json:"digest"`
	Defect     string     `json:"defect,omitempty"` // reason code; other fields may be empty then
	ID         string     `json:"id,omitempty"`     // UUID
	Agent      string     `json:"agent"`            // SPIFFE ID of the signer
	Key        string     `json:"key_id"`
	InNameOf   string     `json:"in_name_of,omitempty"` // whom the intent names, if that is somebody else
	Session    string     `json:"session,omitempty"`
	Sequence   uint64     `json:"sequence,omitempty"`
	Previous   string     `json:"previous,omitempty"` // digest
	Parents    []string   `json:"parents,omitempty"`  // digests
	Delegation []Link     `json:"delegation,omitempty"`
	Tool       string     `json:"tool,omitempty"`
	Action     string     `json:"action,omitempty"`
	Resource   string     `json:"resource,omitempty"`
	SealedTo   string     `json:"sealed_to,omitempty"` // id of the key that arguments are sealed to
	Deadline   *time.Time `json:"deadline,omitempty"`
	Resent     []string   `json:"resent,omitempty"` // where the same intent stands again

	State     State      `json:"state"`
	Verdict   string     `json:"verdict,omitempty"` // ALLOW or DENY, of the newest quorum; absent if there is none
	Release   uint64     `json:"release,omitempty"` // the version under which that quorum decided
	Decisions []Decision `json:"decisions,omitempty"`
	Approvals []Approval `json:"approvals,omitempty"`
	Claims    []Claim    `json:"claims,omitempty"`
	Outcomes  []Outcome  `json:"outcomes,omitempty"`
}

// Link is one link of a delegation chain, from the root principal on.
type Link struct {
	Delegator string    `json:"delegator"` // SPIFFE IDs
	Delegate  string    `json:"delegate"`
	Tools     []string  `json:"tools"`
	Depth     uint32    `json:"depth"` // how many further links may follow
	Expires   time.Time `json:"expires"`
	Signed    bool      `json:"signed"` // by its delegator, whose key was introduced before
}

// Decision is one enforcer's vote.
type Decision struct {
	Position string    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	By       string    `json:"by"`
	Of       string    `json:"of"` // where the intent stands that it decides
	Round    uint32    `json:"round,omitempty"`
	Verdict  string    `json:"verdict"` // ALLOW or DENY
	Reasons  []string  `json:"reasons,omitempty"`
	Policies []string  `json:"policies,omitempty"`
	Epoch    uint64    `json:"epoch"`
	Release  uint64    `json:"release,omitempty"` // version; 0 if the ledger has no such release
	Digest   string    `json:"digest"`            // of its bytes: equal votes are equal here
	Quorum   bool      `json:"quorum,omitempty"`  // it completed its round's quorum
	Stray    bool      `json:"stray,omitempty"`   // on another tool's subject: it counts for nothing
}

// Approval is a person's answer.
type Approval struct {
	Position string    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	By       string    `json:"by"`
	Approve  bool      `json:"approve"`
	Note     string    `json:"note,omitempty"`
}

// Claim is an executor's bid, and the ruling on it.
type Claim struct {
	Position string    `json:"position"`
	LogTime  time.Time `json:"log_time"`
	By       string    `json:"by"`
	Valid    bool      `json:"valid"`
	Void     string    `json:"void,omitempty"` // reason code
}

// Outcome is what an executor reported.
type Outcome struct {
	Position string     `json:"position"`
	LogTime  time.Time  `json:"log_time"`
	By       string     `json:"by"`
	Claim    string     `json:"claim"` // position
	Status   string     `json:"status"`
	Reason   string     `json:"reason,omitempty"`
	Result   string     `json:"result_digest,omitempty"`
	Started  *time.Time `json:"started,omitempty"` // the executor's clock
	Finished time.Time  `json:"finished"`
	Rogue    bool       `json:"rogue,omitempty"` // no valid claim of its signer stands for it, or another outcome does
	Repeats  bool       `json:"repeats,omitempty"`
}

const (
	allow = "ALLOW"
	deny  = "DENY"
)

func verdictName(allows bool) string {
	if allows {
		return allow
	}
	return deny
}

// view spells a node for people and programs.
func (h *History) view(n *node) Intent {
	by := h.signers.at(n.signer)
	v := Intent{
		Position: n.at.String(), LogTime: moment(n.time), Digest: h.vertices[n.vertex].digest.String(), Agent: by.identity, Key: by.key.String(),
		Session: h.texts.at(n.session), Sequence: n.sequence, Tool: h.texts.at(n.tool), Action: h.texts.at(n.action), Resource: h.texts.at(n.resource),
		SealedTo: h.texts.at(n.sealed),
		State:    h.state(n, nanos(h.logTime)),
	}
	if n.defect != 0 {
		v.Defect = schemas.ReasonCode(n.defect)
	}
	if n.id != [16]byte{} {
		v.ID = uuid.UUID(n.id).String()
	}
	if n.says != n.agent {
		v.InNameOf = h.texts.at(n.says)
	}
	if n.previous != 0 {
		v.Previous = h.vertices[n.previous-1].digest.String()
	}
	for _, p := range n.parents {
		v.Parents = append(v.Parents, h.vertices[p].digest.String())
	}
	v.Deadline = maybe(n.deadline)
	for _, at := range n.resent {
		v.Resent = append(v.Resent, at.String())
	}
	h.viewDelegation(n, &v)
	h.viewDeeds(n, &v)
	return v
}

func (h *History) viewDelegation(n *node, v *Intent) {
	for _, l := range n.delegation {
		link := Link{
			Delegator: h.texts.at(l.delegator), Delegate: h.texts.at(l.delegate), Tools: []string{}, Depth: l.depth, Expires: moment(l.expires), Signed: l.signed,
		}
		for _, tool := range l.tools {
			link.Tools = append(link.Tools, h.texts.at(tool))
		}
		v.Delegation = append(v.Delegation, link)
	}
}

func (h *History) viewDeeds(n *node, v *Intent) {
	if d := n.decided(); d != nil {
		v.Verdict, v.Release = verdictName(d.allow), h.versions[h.grounds.at(d.ground).release]
	}
	for i := range n.decisions {
		v.Decisions = append(v.Decisions, h.viewDecision(&n.decisions[i]))
	}
	for _, a := range n.approvals {
		v.Approvals = append(v.Approvals, Approval{a.at.String(), moment(a.time), h.who(a.signer), a.approve, h.texts.at(a.note)})
	}
	for _, c := range n.claims {
		told := Claim{Position: c.at.String(), LogTime: moment(c.time), By: h.who(c.signer), Valid: c.void == 0}
		if c.void != 0 {
			told.Void = schemas.ReasonCode(c.void)
		}
		v.Claims = append(v.Claims, told)
	}
	for _, o := range n.outcomes {
		v.Outcomes = append(v.Outcomes, h.viewOutcome(o))
	}
}

func (h *History) viewDecision(d *decision) Decision {
	g := h.grounds.at(d.ground)
	told := Decision{
		Position: d.at.String(), LogTime: moment(d.time), By: h.who(d.signer), Of: d.of.String(), Round: d.round, Verdict: verdictName(d.allow),
		Reasons: reasonCodes(g.reasons), Epoch: g.epoch, Release: h.versions[g.release], Digest: d.bytes.String(), Quorum: d.quorum, Stray: d.stray,
	}
	if g.policies != "" {
		told.Policies = strings.Split(g.policies, "\n")
	}
	return told
}

func (h *History) viewOutcome(o outcome) Outcome {
	told := Outcome{
		Position: o.at.String(), LogTime: moment(o.time), By: h.who(o.signer), Claim: o.claim.String(),
		Status: statusName(o.status), Started: maybe(o.started), Finished: moment(o.finished), Rogue: o.rogue, Repeats: o.repeats,
	}
	if o.reason != 0 {
		told.Reason = schemas.ReasonCode(o.reason)
	}
	if o.result != (trust.Digest{}) {
		told.Result = o.result.String()
	}
	return told
}

func statusName(s pb.Status) string { return strings.TrimPrefix(s.String(), "STATUS_") }

func (h *History) who(by uint32) string { return h.signers.at(by).identity }

// maybe is a time; nil if there is none.
func maybe(nanos int64) *time.Time {
	if nanos == 0 {
		return nil
	}
	at := moment(nanos)
	return &at
}

// Intent returns the intent with a digest; false if it does not stand on the
// ledger.
func (h *History) Intent(digest trust.Digest) (Intent, bool) {
	n, _ := h.node(digest)
	if n == nil {
		return Intent{}, false
	}
	return h.view(n), true
}

// about reports whether something about the node stands at a position.
func (n *node) about(at ledger.Position) bool {
	return n.at == at || slices.Contains(n.resent, at) ||
		slices.ContainsFunc(n.decisions, func(d decision) bool { return d.at == at }) ||
		slices.ContainsFunc(n.approvals, func(a approval) bool { return a.at == at }) ||
		slices.ContainsFunc(n.claims, func(c claim) bool { return c.at == at }) ||
		slices.ContainsFunc(n.outcomes, func(o outcome) bool { return o.at == at })
}
