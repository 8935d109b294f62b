package history

import (
	"strings"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// takeDecisions hangs each decision on its intent, counts votes, and hands it to
// the book by which claims are ruled on.
func (h *History) takeDecisions(f *ledger.Fold, rec ledger.Record, a Ahead) {
	release := f.Governance().Release()
	for i, item := range rec.Items {
		at, said := ledger.Position{Seq: rec.Seq, Index: uint32(i)}, a.decisions[i]
		h.records++
		h.counts.Decisions++
		if said == nil || release == nil {
			h.stray(rec, at, trust.Digest{})
			continue
		}
		h.book.Decide(f, rec.Token, rec.Signer.ID, item, said)
		n, ordinal := h.node(trust.DigestIn(said.GetIntentDigest()))
		if n == nil {
			h.stray(rec, at, trust.DigestIn(said.GetIntentDigest()))
			continue
		}
		d := decision{
			at: at, time: nanos(rec.LogTime), of: ledger.PositionOf(said.GetIntent()), bytes: item.Digest, round: said.GetRound(),
			signer: h.signer(rec), ground: h.groundOf(said), allow: said.GetVerdict() == pb.Verdict_VERDICT_ALLOW, evaluation: said.GetEvaluation(),
			stray: rec.Token != verdict.Subject(said),
		}
		d.quorum = h.completes(n, d, int(release.Proto.GetDecisionThreshold()))
		n.decisions = append(n.decisions, d)
		h.indexDecision(ordinal, d, said)
	}
}

func (h *History) groundOf(said *pb.Decision) uint32 {
	g := ground{
		reasons: joinCodes(said.GetReasons()), policies: strings.Join(said.GetPolicies(), "\n"),
		epoch: said.GetEpoch(), release: trust.DigestIn(said.GetRelease()),
	}
	before := len(h.grounds.values)
	number := h.grounds.number(g)
	if len(h.grounds.values) > before {
		h.text += len(g.reasons) + len(g.policies)
	}
	return number
}

func (h *History) indexDecision(ordinal uint32, d decision, said *pb.Decision) {
	h.touched(ordinal, d.signer)
	h.index.release(ordinal, trust.DigestIn(said.GetRelease()))
	for _, r := range said.GetReasons() {
		h.index.reason(ordinal, schemas.ReasonCode(r))
	}
	if d.quorum {
		h.index.verdict(ordinal, h.nodes[ordinal].decided().allow)
	}
}

// completes reports whether a vote makes the first quorum of its round: as many
// enforcers as the release in force wants, who signed the same bytes.
func (h *History) completes(n *node, d decision, needed int) bool {
	if d.stray {
		return false
	}
	voters := map[string]bool{h.signers.at(d.signer).identity: true}
	for _, other := range n.decisions {
		switch {
		case other.stray || other.of != d.of || other.round != d.round:
		case other.quorum:
			return false
		case other.bytes == d.bytes:
			voters[h.signers.at(other.signer).identity] = true
		}
	}
	return len(voters) >= needed
}

func (h *History) takeApproval(rec ledger.Record) {
	at, digest := ledger.Position{Seq: rec.Seq}, trust.DigestIn(rec.Approval.GetIntentDigest())
	h.records++
	h.counts.Approvals++
	n, ordinal := h.node(digest)
	if n == nil {
		h.stray(rec, at, digest)
		return
	}
	n.approvals = append(n.approvals, approval{
		at: at, time: nanos(rec.LogTime), signer: h.signer(rec), note: h.number(rec.Approval.GetNote()), approve: rec.Approval.GetApprove(),
	})
	h.touched(ordinal, h.signer(rec))
}

// takeClaims rules on each claim where it stands.
func (h *History) takeClaims(f *ledger.Fold, rec ledger.Record) {
	for i, item := range rec.Items {
		at := ledger.Position{Seq: rec.Seq, Index: uint32(i)}
		h.records++
		h.counts.Claims++
		ruling := h.book.Claim(f, rec.Token, rec.Signer.ID, at, item)
		n, ordinal := h.node(ruling.Intent)
		if ruling.Claim == nil || n == nil {
			h.stray(rec, at, ruling.Intent)
			continue
		}
		n.claims = append(n.claims, claim{at: at, time: nanos(rec.LogTime), signer: h.signer(rec), void: ruling.Void})
		h.touched(ordinal, h.signer(rec))
		if !ruling.Valid() {
			h.index.reason(ordinal, schemas.ReasonCode(ruling.Void))
		}
	}
}

// takeOutcomes hangs each outcome on its intent. One is rogue that reports on no
// valid claim of its signer on that intent, or otherwise than the first.
func (h *History) takeOutcomes(rec ledger.Record, a Ahead) {
	for i, item := range rec.Items {
		at, said := ledger.Position{Seq: rec.Seq, Index: uint32(i)}, a.outcomes[i]
		h.records++
		h.counts.Outcomes++
		if said == nil || !rec.Signer.ID.Is(said.GetExecutor()) {
			h.stray(rec, at, trust.Digest{})
			continue
		}
		n, ordinal := h.node(trust.DigestIn(said.GetIntentDigest()))
		if n == nil {
			h.stray(rec, at, trust.DigestIn(said.GetIntentDigest()))
			continue
		}
		o := outcome{
			at: at, time: nanos(rec.LogTime), claim: ledger.PositionOf(said.GetClaim()), bytes: item.Digest, signer: h.signer(rec),
			status: said.GetStatus(), reason: said.GetReason(), result: trust.DigestIn(said.GetResultDigest()), finished: nanos(said.GetFinished().AsTime()),
		}
		if said.GetStarted() != nil {
			o.started = nanos(said.GetStarted().AsTime())
		}
		o.rogue, o.repeats = h.judge(n, o)
		n.outcomes = append(n.outcomes, o)
		h.touched(ordinal, o.signer)
		if o.reason != 0 {
			h.index.reason(ordinal, schemas.ReasonCode(o.reason))
		}
	}
}

func (h *History) judge(n *node, o outcome) (rogue, repeats bool) {
	held := n.claimed()
	if held == nil || held.at != o.claim || h.signers.at(held.signer).identity != h.signers.at(o.signer).identity {
		return true, false
	}
	first := n.reported()
	switch {
	case first == nil:
		return false, false
	case first.bytes == o.bytes:
		return false, true
	default:
		return true, false
	}
}

// claimed is the valid claim; nil if there is none.
func (n *node) claimed() *claim {
	for i := range n.claims {
		if n.claims[i].void == 0 {
			return &n.claims[i]
		}
	}
	return nil
}

// reported is the first outcome of the valid claim; nil if there is none.
func (n *node) reported() *outcome {
	for i := range n.outcomes {
		if !n.outcomes[i].rogue {
			return &n.outcomes[i]
		}
	}
	return nil
}

// decided is the vote that completed the quorum of the newest round; nil if no
// round has one.
func (n *node) decided() (newest *decision) {
	for i := range n.decisions {
		d := &n.decisions[i]
		if d.quorum && (newest == nil || d.of.Compare(newest.of) > 0 || d.of == newest.of && d.round > newest.round) {
			newest = d
		}
	}
	return newest
}

// Stray is an authentic item that is about no intent of the ledger: malformed,
// or naming a digest that does not stand before it.
type Stray struct {
	Position string `json:"position"`
	Kind     string `json:"kind"`
	By       string `json:"by"`               // SPIFFE ID
	Digest   string `json:"digest,omitempty"` // that it names
}

// Strays lists them, in order.
func (h *History) Strays() []Stray { return h.strays }

func (h *History) stray(rec ledger.Record, at ledger.Position, digest trust.Digest) {
	s := Stray{Position: at.String(), Kind: rec.Kind.String(), By: rec.Signer.ID.String()}
	if !digest.IsZero() {
		s.Digest = digest.String()
	}
	h.strays = append(h.strays, s)
}
