package sim

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Point is a place on the ledger that asks for a verdict, and the one that
// section 7 gives.
type Point struct {
	Decided bool // false for a re-send, and for an answer that opens no round
	Round   uint32
	Allowed bool
	Why     string // for people: the first reason against it
}

// Asked is an intent and what became of it by section 7.
type Asked struct {
	Position ledger.Position
	Digest   trust.Digest
	Agent    string // SPIFFE ID of the signer
	LogTime  time.Time
	Point    // of round 0

	name, session string
	content       *pb.Intent
	sequence      uint64 // it became the session's newest; 0 if it did not
	seen          time.Time
	waits         *wait // for approvals; nil if it does not
}

// charged is what an allowed intent took from the limit.
type charged struct {
	agent  string
	at     time.Time
	amount int64
}

// asked judges the intents of one message as section 7 says, by looking through
// all intents before.
func (h *History) asked(e *entry) {
	agent := trusttest.ID(pb.Role_ROLE_AGENT, e.truth.By).String()
	if e.truth.Foreign {
		h.Points[ledger.Position{Seq: e.seq}] = Point{Decided: true, Why: "for another ledger"}
		return
	}
	for i, in := range e.truth.Intents {
		a := &Asked{
			Position: ledger.Position{Seq: e.seq, Index: uint32(i)}, Digest: trust.DigestOf(e.truth.Items[i]),
			Agent: agent, LogTime: h.LogTime, name: e.truth.By, session: in.GetSession(), content: in,
		}
		if !h.resend(a.Digest) {
			a.seen = earlier(in.GetDeadline().AsTime(), h.LogTime.Add(memory))
			h.decide(a)
		}
		h.Intents = append(h.Intents, a)
		h.Points[a.Position] = a.Point
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// resend reports whether the intent was decided and its deadline has not passed.
func (h *History) resend(d trust.Digest) bool {
	return slices.ContainsFunc(h.Intents, func(a *Asked) bool { return a.Decided && a.Digest == d && a.seen.After(h.LogTime) })
}

// decide is round 0.
func (h *History) decide(a *Asked) {
	a.Decided = true
	refuse := func(bad bool, why string) {
		if bad && a.Why == "" {
			a.Why = why
		}
	}
	if a.content.GetAgent() == a.Agent {
		h.judgeSession(a, refuse)
	}
	refuse(a.content.GetAgent() != a.Agent, "in another's name")
	refuse(trust.DigestOf(a.content.GetArguments()) != trust.DigestIn(a.content.GetArgumentsDigest()), "its arguments are others than it digests")
	h.judge(a, refuse)
	if need := needed(a.content); need > 0 && a.Why == "" {
		if !a.content.GetEvaluation() {
			a.waits = &wait{need: need}
		}
		a.Why = "it waits for approvals"
	}
	h.settle(a, &a.Point)
}

// judge asks what may change between an intent's rounds.
func (h *History) judge(a *Asked, refuse func(bad bool, why string)) {
	in := a.content
	refuse(!validAt(h.Release, h.LogTime), "the release has expired")
	refuse(!h.standing(pb.Role_ROLE_AGENT, a.name), "the agent is revoked")
	left := in.GetDeadline().AsTime().Sub(h.LogTime)
	refuse(left <= 0, "its deadline has passed")
	refuse(left > maxDeadline, "its deadline is too far")
	refuse(h.Halted(a.Agent, in.GetSession(), in.GetTool()), "halted")
	refuse(in.GetTool() != in.GetAction() || !h.mayUse(a.name, in.GetTool()), "not a tool of this agent's")
	refuse(len(in.GetDefinitionDigest()) > 0, "a definition where none is pinned")
	amount, ok := amountOf(in)
	refuse(!ok, "arguments of a wrong type")
	refuse(amount == 77, "policy forbids it")
	refuse(in.GetTool() == "pay" && h.spent(a.Agent)+amount > h.Release.GetLimits()[0].GetMax(), "over the limit")
}

// settle allows what nothing speaks against, and charges it.
func (h *History) settle(a *Asked, p *Point) {
	if p.Allowed = p.Why == ""; p.Allowed && a.content.GetTool() == "pay" && !a.content.GetEvaluation() {
		amount, _ := amountOf(a.content)
		h.charges = append(h.charges, charged{a.Agent, h.LogTime, amount})
	}
}

func (h *History) mayUse(name, tool string) bool {
	return slices.ContainsFunc(h.Release.GetDirectory(), func(i *pb.Identity) bool { return i.GetName() == name && slices.Contains(i.GetTools(), tool) })
}

// amountOf is what the intent pays; 0 for other tools.
func amountOf(in *pb.Intent) (int64, bool) {
	var arguments struct{ Amount any }
	if json.Unmarshal(in.GetArguments(), &arguments) != nil {
		return 0, false
	}
	if arguments.Amount == nil {
		return 0, in.GetTool() != "pay"
	}
	n, ok := arguments.Amount.(float64)
	return int64(n), ok
}

// spent is what the agent took in the last window.
func (h *History) spent(agent string) (sum int64) {
	for _, c := range h.charges {
		if c.agent == agent && c.at.After(h.LogTime.Add(-limitWindow)) {
			sum += c.amount
		}
	}
	return sum
}

// judgeSession asks whether the intent continues its session, which is what its
// newest intent of the last W makes it.
func (h *History) judgeSession(a *Asked, refuse func(bool, string)) {
	in, none := a.content, &Asked{}
	open := map[string]*Asked{} // by session, the newest
	for _, b := range h.Intents {
		if b.Agent == a.Agent && b.sequence > 0 && b.LogTime.Add(memory).After(h.LogTime) {
			open[b.session] = b
		}
	}
	held, known := open[in.GetSession()]
	if !known {
		held = none
	}
	if !known && len(open) >= maxSessions {
		refuse(true, "too many sessions")
		return
	}
	if in.GetSequence() <= held.sequence {
		refuse(true, "equivocation")
		return
	}
	if h.standing(pb.Role_ROLE_AGENT, a.name) {
		a.sequence = in.GetSequence()
	}
	refuse(in.GetSequence() != held.sequence+1, "a gap in the session")
	if known {
		refuse(trust.DigestIn(in.GetPrevious()) != held.Digest, "a fork of the session")
	} else {
		refuse(len(in.GetPrevious()) > 0, "a fork of the session")
	}
}
