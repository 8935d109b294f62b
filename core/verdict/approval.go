package verdict

import (
	"container/heap"
	"encoding/binary"
	"slices"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// wait is an intent that a policy keeps waiting for approvals. It ends with the
// intent's deadline.
type wait struct {
	in       Intent
	deadline int64
	round    uint32 // the newest
	allowed  bool   // by the newest round
	refused  bool
	approved []trust.Credential // distinct identities, in the order of their approvals
}

// Await keeps an intent whose decision of round 0 says that it is pending, so
// that approvals can open further rounds. Call it after Apply.
func (s *State) Await(in Intent, d *pb.Decision) {
	until := nanos(d.GetDeadline().AsTime())
	if !schemas.Pending(d) || d.GetRound() != 0 || in.Content == nil || until <= s.now || s.waits[in.Digest] != nil {
		return
	}
	w := &wait{in: in, deadline: until}
	s.waits[in.Digest] = w
	s.mixed.add(w.line())
	heap.Push(&s.due, due{at: until, digest: in.Digest, waits: true})
}

// Answer folds one approver's answer, authentic and of standing, and reports
// whether it opens a round; DecideRound derives it. An answer opens one when its
// intent waits, its deadline is ahead, nobody has refused, the directory lets
// this approver answer for the tool, and it says something new: an approval
// while the intent is not allowed, by somebody who has not approved yet, or the
// first refusal, which counts even after the intent was allowed.
func (s *State) Answer(f *ledger.Fold, rules *Rules, signer trust.Credential, a *pb.Approval) (opens bool) {
	s.Expire(nanos(f.LogTime()))
	w := s.waits[trust.DigestIn(a.GetIntentDigest())]
	if w == nil || w.refused || !mayAnswer(f, rules, signer, w.in.Content.GetTool()) {
		return false
	}
	if a.GetApprove() && (w.allowed || w.approvedBy(signer.ID)) {
		return false
	}
	s.change(w, func() {
		if a.GetApprove() {
			w.approved = append(w.approved, signer)
		} else {
			w.refused = true
		}
	})
	return true
}

// DecideRound derives the decision of the round that the approval at a position
// has just opened (Answer). Like Decide it changes nothing but what has expired:
// call Apply with the result. It is nil if no such intent waits, and where no
// decision can be derived, because its arguments are sealed: see Rules.Sealed.
func (s *State) DecideRound(f *ledger.Fold, rules *Rules, intent trust.Digest, at ledger.Position) *pb.Decision {
	w := s.waits[intent]
	if w == nil || rules.Sealed(w.in) {
		return nil
	}
	c := newDeciding(s, f, rules, w.in)
	c.wait = w
	c.start()
	c.d.Round, c.d.Approval = w.round+1, at.Proto()
	c.denyIf(w.refused, pb.Reason_REASON_APPROVAL_REFUSED)
	c.decide()
	return c.finish()
}

// settleRound takes what a round's decision says of an intent that waits.
func (s *State) settleRound(d *pb.Decision) {
	if w := s.waits[trust.DigestIn(d.GetIntentDigest())]; w != nil && d.GetRound() > w.round {
		s.change(w, func() { w.round, w.allowed = d.GetRound(), d.GetVerdict() == pb.Verdict_VERDICT_ALLOW })
	}
}

func (s *State) change(w *wait, how func()) {
	s.mixed.sub(w.line())
	how()
	s.mixed.add(w.line())
}

// mayAnswer reports whether an approver's answers for a tool count now.
func mayAnswer(f *ledger.Fold, rules *Rules, approver trust.Credential, tool string) bool {
	entry, enrolled := rules.Release.Identity(approver.ID)
	_, stands := f.Standing(approver)
	return approver.ID.Role == pb.Role_ROLE_APPROVER && enrolled && stands && entry.MayUse(tool)
}

// approvals is how many approvals count now: an approver who was revoked since,
// or may no longer answer for the tool, does not.
func (w *wait) approvals(f *ledger.Fold, rules *Rules) (n int) {
	for _, approver := range w.approved {
		if mayAnswer(f, rules, approver, w.in.Content.GetTool()) {
			n++
		}
	}
	return n
}

func (w *wait) approvedBy(id trust.Identity) bool {
	return slices.ContainsFunc(w.approved, func(c trust.Credential) bool { return c.ID == id })
}

// line is the wait in the state's digest.
func (w *wait) line() []byte {
	line := append(appendText(nil, "wait"), w.in.Digest[:]...)
	line = binary.BigEndian.AppendUint64(line, w.in.Position.Seq)
	line = binary.BigEndian.AppendUint32(line, w.in.Position.Index)
	line = binary.BigEndian.AppendUint32(line, w.round)
	line = appendNumber(line, w.deadline)
	line = append(line, flag(w.allowed), flag(w.refused))
	for _, approver := range w.approved {
		line = appendText(line, approver.ID.String())
	}
	return line
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
