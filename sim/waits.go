package sim

import (
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// needed is how many approvals policy demands for an intent.
func needed(in *pb.Intent) int {
	amount, _ := amountOf(in)
	switch {
	case in.GetTool() != "pay" || amount < 30 || amount > 50:
		return 0
	case amount < 40:
		return 1
	default:
		return 2
	}
}

// wait is what has been said of an intent that waits for approvals.
type wait struct {
	need     int
	round    uint32
	allowed  bool // by the newest round
	refused  bool
	approved []string // names, in order
}

// answered is section 7 on approvals: which answers open a round, and what the
// round's verdict is.
func (h *History) answered(e *entry) {
	at := ledger.Position{Seq: e.seq}
	h.Points[at] = Point{}
	a := h.waitingFor(trust.DigestIn(e.truth.Approval.GetIntentDigest()))
	if a == nil || a.waits.refused || !h.mayAnswer(e.truth.By, a.content.GetTool()) {
		return
	}
	w, p := a.waits, Point{Decided: true}
	switch {
	case !e.truth.Approval.GetApprove():
		w.refused = true
	case w.allowed || slices.Contains(w.approved, e.truth.By):
		return
	default:
		w.approved = append(w.approved, e.truth.By)
	}
	refuse := func(bad bool, why string) {
		if bad && p.Why == "" {
			p.Why = why
		}
	}
	refuse(w.refused, "refused")
	h.judge(a, refuse)
	refuse(h.approvals(a) < w.need, "too few approvals")
	h.settle(a, &p)
	w.round++
	w.allowed, p.Round = p.Allowed, w.round
	h.Points[at] = p
}

// waitingFor is the intent with this digest that still waits.
func (h *History) waitingFor(d trust.Digest) *Asked {
	i := slices.IndexFunc(h.Intents, func(a *Asked) bool { return a.Digest == d && a.waits != nil && h.open(a) })
	if i < 0 {
		return nil
	}
	return h.Intents[i]
}

func (h *History) open(a *Asked) bool { return a.content.GetDeadline().AsTime().After(h.LogTime) }

// mayAnswer reports whether an approver's word counts for a tool now.
func (h *History) mayAnswer(name, tool string) bool {
	return h.standing(pb.Role_ROLE_APPROVER, name) && h.mayUse(name, tool)
}

func (h *History) approvals(a *Asked) (n int) {
	for _, name := range a.waits.approved {
		if h.mayAnswer(name, a.content.GetTool()) {
			n++
		}
	}
	return n
}

// checkApproved is what S1 says of an act that policy wants approved: that many
// people, each entitled and not revoked, have approved exactly its bytes, and
// nobody who may has refused, before the point at which its decision was made.
func (w *World) checkApproved(act Act, d *pb.Decision) {
	a := w.intentAt(ledger.PositionOf(d.GetIntent()))
	if a == nil || needed(a.content) == 0 || w.cfg.lies() {
		return
	}
	point := ledger.PositionOf(d.GetApproval()).Seq
	h, said, refused := newHistory(nil), map[string]bool{}, false
	for _, e := range w.entries[:point] {
		h.take(e)
		answer := e.truth.Approval
		if answer == nil || e.seq <= a.Position.Seq || trust.DigestIn(answer.GetIntentDigest()) != act.Intent || !h.mayAnswer(e.truth.By, a.content.GetTool()) {
			continue
		}
		said[e.truth.By] = said[e.truth.By] || answer.GetApprove()
		refused = refused || !answer.GetApprove()
	}
	n := 0
	for name, approved := range said {
		if approved && h.mayAnswer(name, a.content.GetTool()) {
			n++
		}
	}
	w.approved++
	if n < needed(a.content) || refused {
		w.fail(S1, "%s acts by claim %s: %d of %d approvals before #%d, refused: %v", act.By, act.Claim, n, needed(a.content), point, refused)
	}
}

func (w *World) intentAt(at ledger.Position) *Asked {
	all := w.told().Intents
	i := slices.IndexFunc(all, func(a *Asked) bool { return a.Position == at })
	if i < 0 {
		return nil
	}
	return all[i]
}

// waiting is the nth newest intent that waits for an answer, or nil.
func (w *World) waiting(nth int) *Asked {
	h := w.told()
	for _, a := range slices.Backward(h.Intents) {
		if a.waits == nil || a.waits.refused || !a.content.GetDeadline().AsTime().After(h.LogTime.Add(50*time.Millisecond)) {
			continue
		}
		if nth--; nth < 0 {
			return a
		}
	}
	return nil
}
