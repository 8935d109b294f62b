package history

// Follows says how an intent stands to the one before it in its session.
type Follows string

// How intents follow each other.
const (
	FollowsBegins    Follows = "begins"    // sequence 1, and nothing before it is named
	FollowsContinues Follows = "continues" // the next sequence, and the one before it is named
	FollowsGap       Follows = "gap"       // a sequence was left out
	FollowsFork      Follows = "fork"      // another intent than the one before it is named
	FollowsRepeats   Follows = "repeats"   // its sequence was used already
)

// Chain is one session of one agent, in the order of the ledger.
type Chain struct {
	Agent   string      `json:"agent"` // SPIFFE ID
	Session string      `json:"session"`
	Links   []ChainLink `json:"intents"`
}

// ChainLink is one intent of a session.
type ChainLink struct {
	Follows Follows `json:"follows"`
	Intent
}

// Session returns the chain of one session; false if the ledger has no intent of
// it. The agent is a SPIFFE ID.
func (h *History) Session(agent, session string) (Chain, bool) {
	chain, total := h.SessionPage(agent, session, 0, len(h.nodes))
	return chain, total > 0
}

// SessionPage returns a part of the chain of one session: at most so many intents
// after the first ones, which are skipped. Total is how many the session has; 0 if the
// ledger has no intent of it.
func (h *History) SessionPage(agent, session string, skip, most int) (page Chain, total int) {
	page = Chain{Agent: agent, Session: session}
	if agent == "" || session == "" {
		return page, 0
	}
	var before *node // with the highest sequence so far
	h.each(Filter{Agent: agent, Session: session}, false, func(n *node) {
		if total >= skip && total-skip < most {
			page.Links = append(page.Links, ChainLink{follows(before, n), h.view(n)})
		}
		total++
		if before == nil || n.sequence > before.sequence || n.sequence == 1 && n.previous == 0 {
			before = n
		}
	})
	return page, total
}

func follows(before, n *node) Follows {
	switch {
	case n.sequence == 1 && n.previous == 0:
		return FollowsBegins // anew, perhaps: whether it might, the decision says
	case before == nil:
		return FollowsGap
	case n.sequence <= before.sequence:
		return FollowsRepeats
	case n.sequence != before.sequence+1:
		return FollowsGap
	case n.previous != before.vertex+1:
		return FollowsFork
	default:
		return FollowsContinues
	}
}

// Sessions lists the sessions of an agent, in the order of their first intents.
func (h *History) Sessions(agent string) (sessions []string) {
	known := map[uint32]bool{}
	h.each(Filter{Agent: agent}, false, func(n *node) {
		if n.session != 0 && !known[n.session] {
			known[n.session] = true
			sessions = append(sessions, h.texts.at(n.session))
		}
	})
	return sessions
}

// Graph is the session as a graph, with the edges between its intents.
func (c Chain) Graph() Graph {
	intents := make([]Intent, len(c.Links))
	for i, l := range c.Links {
		intents[i] = l.Intent
	}
	return Between(intents)
}
