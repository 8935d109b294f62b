package history

import (
	"container/heap"
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// takeIntents takes a list of intents. A list that cannot be read gets one
// decision as a whole, so it is one node, named by its payload's digest.
func (h *History) takeIntents(f *ledger.Fold, rec ledger.Record, a Ahead) {
	if rec.ListErr != nil {
		h.takeIntent(f, rec, ledger.Position{Seq: rec.Seq}, rec.PayloadDigest, verdict.Content{Defect: pb.Reason_REASON_PAYLOAD_MALFORMED})
		return
	}
	for i, item := range rec.Items {
		h.takeIntent(f, rec, ledger.Position{Seq: rec.Seq, Index: uint32(i)}, item.Digest, a.contents[i])
	}
}

func (h *History) takeIntent(f *ledger.Fold, rec ledger.Record, at ledger.Position, digest trust.Digest, c verdict.Content) {
	if again, ordinal := h.node(digest); again != nil {
		again.resent = append(again.resent, at)
		h.touched(ordinal, h.signer(rec))
		h.records++
		return
	}
	v := h.vertex(digest)
	ordinal := uint32(len(h.nodes)) //nolint:gosec // bounded by the limit
	h.vertices[v].ordinal = ordinal + 1
	n := node{
		at: at, time: nanos(rec.LogTime), vertex: v, defect: c.Defect,
		signer: h.signer(rec), agent: h.number(rec.Signer.ID.String()),
	}
	n.says = n.agent
	if c.Intent != nil {
		h.readInto(f, &n, ordinal, c.Intent)
	}
	h.nodes = append(h.nodes, n)
	h.index.intent(ordinal, &n)
	if n.deadline > nanos(h.logTime) {
		heap.Push(&h.due, due{n.deadline, ordinal})
	}
	h.touched(ordinal, n.signer)
	if n.defect != 0 {
		h.index.reason(ordinal, schemas.ReasonCode(n.defect))
	}
}

// readInto takes what an intent says, and draws its edges.
func (h *History) readInto(f *ledger.Fold, n *node, ordinal uint32, in *pb.Intent) {
	n.says, n.session, n.sequence = h.number(in.GetAgent()), h.number(in.GetSession()), in.GetSequence()
	n.tool, n.action, n.resource = h.number(in.GetTool()), h.number(in.GetAction()), h.number(in.GetResource())
	n.deadline, n.sealed = nanos(in.GetDeadline().AsTime()), h.number(in.GetSealed().GetKey())
	copy(n.id[:], in.GetId())
	n.sameID, h.byID[n.id] = h.byID[n.id], ordinal+1
	if previous, named := trust.DigestFrom(in.GetPrevious()); named {
		v := h.vertex(previous)
		n.previous = v + 1
		h.vertices[v].next = append(h.vertices[v].next, ordinal)
	}
	for _, raw := range in.GetParents() {
		v := h.vertex(trust.DigestIn(raw))
		n.parents = append(n.parents, v)
		children := &h.vertices[v].children
		if len(*children) == 0 || (*children)[len(*children)-1] != ordinal { // named twice
			*children = append(*children, ordinal)
		}
	}
	for _, raw := range in.GetDelegation() {
		if link, ok := h.readLink(f, raw); ok {
			n.delegation = append(n.delegation, link)
		}
	}
}

// readLink reads one link of a delegation chain. Whether the chain as a whole
// holds, the decision says; what cannot be read is left out, for the decision
// then says delegation.invalid.
func (h *History) readLink(f *ledger.Fold, raw []byte) (delegation, bool) {
	env, err := trust.ParseEnvelope(raw)
	if err != nil || env.PayloadType != schemas.KindDelegation.PayloadType() || len(env.Signatures) != 1 {
		return delegation{}, false
	}
	said := new(pb.Delegation)
	if schemas.Decode(env.Payload, schemas.MaxItem, said) != nil {
		return delegation{}, false
	}
	cred, introduced := f.Credential(env.Signatures[0].KeyID)
	link := delegation{
		delegator: h.number(said.GetDelegator()), delegate: h.number(said.GetDelegate()), depth: said.GetDepth(), expires: nanos(said.GetExpires().AsTime()),
		signed: introduced && cred.ID.String() == said.GetDelegator() && env.VerifiedBy(0, cred.Key),
	}
	for _, tool := range said.GetTools() {
		link.tools = append(link.tools, h.number(tool))
	}
	return link, true
}

// touched notes that a signer wrote something about an intent, in the record that is
// being taken.
func (h *History) touched(ordinal, by uint32) {
	h.widen(ordinal)
	h.file(ordinal)
	s := h.signers.at(by)
	h.index.signed(ordinal, h.number(s.identity), s.key)
}

// joinCodes spells reasons as codes.
func joinCodes(reasons []pb.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	codes := make([]string, len(reasons))
	for i, r := range reasons {
		codes[i] = schemas.ReasonCode(r)
	}
	return strings.Join(codes, " ")
}
