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

// asked judges the intents of one message as section 7 says, by looking through
// all intents before.
func (h *History) asked(e *entry) {
	agent := trusttest.ID(pb.Role_ROLE_AGENT, e.truth.By).String()
	if e.truth.Foreign {
		h.Intents = append(h.Intents, Asked{Position: ledger.Position{Seq: e.seq}, Agent: agent, LogTime: h.LogTime, Decided: true, Why: "for another ledger"})
		return
	}
	for i, in := range e.truth.Intents {
		a := Asked{
			Position: ledger.Position{Seq: e.seq, Index: uint32(i)}, Digest: trust.DigestOf(e.truth.Items[i]),
			Agent: agent, LogTime: h.LogTime, session: in.GetSession(),
		}
		if !h.resend(a.Digest) {
			a.Decided = true
			a.seen = earlier(in.GetDeadline().AsTime(), h.LogTime.Add(memory))
			h.decide(&a, e.truth.By, in)
		}
		h.Intents = append(h.Intents, a)
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
	return slices.ContainsFunc(h.Intents, func(a Asked) bool { return a.Decided && a.Digest == d && a.seen.After(h.LogTime) })
}

func (h *History) decide(a *Asked, name string, in *pb.Intent) {
	refuse := func(bad bool, why string) {
		if bad && a.Why == "" {
			a.Why = why
		}
	}
	refuse(!validAt(h.Release, h.LogTime), "the release has expired")
	standing := h.standing(pb.Role_ROLE_AGENT, name)
	refuse(!standing, "the agent is revoked")
	refuse(trust.DigestOf(in.GetArguments()) != digestOf(in.GetArgumentsDigest()), "its arguments are others than it digests")
	left := in.GetDeadline().AsTime().Sub(h.LogTime)
	refuse(left <= 0, "its deadline has passed")
	refuse(left > maxDeadline, "its deadline is too far")
	refuse(h.Halted(a.Agent, in.GetSession(), in.GetTool()), "halted")
	refuse(in.GetTool() != in.GetAction() || !h.mayUse(name, in.GetTool()), "not a tool of this agent's")
	if in.GetAgent() == a.Agent {
		h.judgeSession(a, in, standing, refuse)
	}
	refuse(in.GetAgent() != a.Agent, "in another's name")
	amount, ok := amountOf(in)
	refuse(!ok, "arguments of a wrong type")
	refuse(amount == 77, "policy forbids it")
	refuse(in.GetTool() == "pay" && h.spent(a.Agent)+amount > h.Release.GetLimits()[0].GetMax(), "over the limit")
	if a.Allowed = a.Why == ""; a.Allowed && in.GetTool() == "pay" {
		a.amount = amount
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

// spent is what the agent's allowed intents of the last window took.
func (h *History) spent(agent string) (sum int64) {
	for _, a := range h.Intents {
		if a.Agent == agent && a.LogTime.After(h.LogTime.Add(-limitWindow)) {
			sum += a.amount
		}
	}
	return sum
}

// judgeSession asks whether the intent continues its session, which is what its
// newest intent of the last W makes it.
func (h *History) judgeSession(a *Asked, in *pb.Intent, standing bool, refuse func(bool, string)) {
	open := map[string]Asked{} // by session, the newest
	for _, b := range h.Intents {
		if b.Agent == a.Agent && b.sequence > 0 && b.LogTime.Add(memory).After(h.LogTime) {
			open[b.session] = b
		}
	}
	held, known := open[in.GetSession()]
	if !known && len(open) >= maxSessions {
		refuse(true, "too many sessions")
		return
	}
	if in.GetSequence() <= held.sequence {
		refuse(true, "equivocation")
		return
	}
	if standing {
		a.sequence = in.GetSequence()
	}
	refuse(in.GetSequence() != held.sequence+1, "a gap in the session")
	if known {
		refuse(digestOf(in.GetPrevious()) != held.Digest, "a fork of the session")
	} else {
		refuse(len(in.GetPrevious()) > 0, "a fork of the session")
	}
}
