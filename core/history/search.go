package history

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
)

// ErrQuestion reports a question that cannot be meant.
var ErrQuestion = errors.New("history: not a question")

// Filter says which intents are meant: those of which everything that is set is
// true. The zero Filter means all.
type Filter struct {
	Agent    string      // SPIFFE ID of the intent's signer
	Session  string      // needs Agent: sessions are an agent's own
	Tool     string      // as the intent names it
	Resource string      // a part of the resource, byte for byte
	Release  uint64      // version of a release under which any vote on it was cast
	Verdict  string      // ALLOW or DENY: of the newest quorum
	Reason   string      // code that its defect, a vote, a void claim or an outcome gives
	State    State       // what became of it
	Identity string      // SPIFFE ID of somebody who signed something about it
	Key      trust.KeyID // with which something about it was signed; zero for any

	From, Until time.Time // log time of the intent: From <= t < Until
	First, Last uint64    // positions of the intent: First <= p <= Last; 0 for no bound
}

// Query is a filter and a page.
type Query struct {
	Filter
	After  string // Page.Next of the page before; "" for the first page
	Limit  int    // 1 to MaxPage intents; 0 means DefaultPage
	Newest bool   // newest first
}

// Sizes of pages.
const (
	DefaultPage = 50
	MaxPage     = 1000
)

// Page is one page of what a query finds, in the order of positions.
type Page struct {
	Intents []Intent `json:"intents"`
	Total   int      `json:"total"`          // that the filter means, on all pages
	Next    string   `json:"next,omitempty"` // Query.After of the next page; absent on the last
}

// Search finds intents. Pages stay apart while the ledger grows: what is appended
// between two of them is on a later page, or on none of the newest first. Errors
// wrap ErrQuestion.
func (h *History) Search(q Query) (Page, error) {
	after, err := q.check()
	if err != nil {
		return Page{}, err
	}
	page := Page{Intents: []Intent{}}
	var last ledger.Position
	take := func(n *node) {
		if len(page.Intents) == q.Limit {
			page.Next = last.String()
			return
		}
		page.Intents, last = append(page.Intents, h.view(n)), n.at
	}
	beyond := func(n *node) bool { // the pages before
		c := n.at.Compare(after)
		return after == ledger.Position{} || c != 0 && (c < 0) == q.Newest
	}
	if all := h.candidates(q.Filter, q.Newest); q.answered(all.narrowed) {
		page.Total = all.count()
		first := sort.Search(page.Total, func(i int) bool { return beyond(&h.nodes[all.ordinal(i)]) })
		for i := first; i < page.Total && page.Next == ""; i++ {
			take(&h.nodes[all.ordinal(i)])
		}
		return page, nil
	}
	h.each(q.Filter, q.Newest, func(n *node) {
		page.Total++
		if beyond(n) {
			take(n)
		}
	})
	return page, nil
}

// check refuses what cannot be meant, and completes the limit.
func (q *Query) check() (after ledger.Position, err error) {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrQuestion}, args...)...)
	}
	if q.Limit == 0 {
		q.Limit = DefaultPage
	}
	_, reason := schemas.ReasonFromCode(q.Reason)
	switch {
	case q.Limit < 0 || q.Limit > MaxPage:
		return after, refuse("a page of %d intents; ask for 1 to %d", q.Limit, MaxPage)
	case q.Session != "" && q.Agent == "":
		return after, refuse("a session without its agent; name the agent too")
	case q.Verdict != "" && q.Verdict != allow && q.Verdict != deny:
		return after, refuse("verdict %.20q; ask for %s or %s", q.Verdict, allow, deny)
	case q.Reason != "" && !reason:
		return after, refuse("reason %.80q; see docs/reasons.md", q.Reason)
	case q.State != "" && !slices.Contains(States(), q.State):
		return after, refuse("state %.20q; ask for one of %v", q.State, States())
	case q.After == "":
		return after, nil
	}
	if after, err = ledger.ParsePosition(q.After); err != nil {
		return after, refuse("page after %.20q; hand back what the page before calls next", q.After)
	}
	return after, nil
}

// each visits the nodes that a filter means, in order.
func (h *History) each(f Filter, newest bool, visit func(*node)) {
	all := h.candidates(f, newest)
	for i := range all.count() {
		if n := &h.nodes[all.ordinal(i)]; h.means(f, n) {
			visit(n)
		}
	}
}

// candidates are ordinals among which all are that a filter means.
type candidates struct {
	list      []uint32 // of the index, if it knows better than all
	narrowed  bool
	low, high int // low <= place < high, in the list, or among all ordinals
	newest    bool
}

func (h *History) candidates(f Filter, newest bool) candidates {
	c := candidates{newest: newest}
	c.low, c.high = h.span(f)
	if c.list, c.narrowed = h.narrowest(f); c.narrowed {
		c.low, _ = slices.BinarySearch(c.list, uint32(c.low))   //nolint:gosec // an ordinal
		c.high, _ = slices.BinarySearch(c.list, uint32(c.high)) //nolint:gosec // an ordinal
	}
	return c
}

func (c candidates) count() int { return c.high - c.low }

// ordinal is the i-th in the order that is asked for.
func (c candidates) ordinal(i int) int {
	place := c.low + i
	if c.newest {
		place = c.high - 1 - i
	}
	if c.narrowed {
		return int(c.list[place])
	}
	return place
}

// answered reports whether times, positions and one list of the index are all
// that is asked for: whatever is on the list is meant then.
func (f Filter) answered(narrowed bool) bool {
	asked := 0
	for _, one := range []bool{f.Resource != "", f.Agent != "" && f.Session == "", f.Session != "", f.Tool != "", f.Release != 0, f.Reason != "", f.Identity != "", !f.Key.IsZero(), f.Verdict != "", f.State != ""} {
		if one {
			asked++
		}
	}
	return asked == 1 && narrowed || asked == 0 && !narrowed
}

// span is the ordinals that times and positions leave: low <= ordinal < high.
func (h *History) span(f Filter) (low, high int) {
	first := func(reached func(*node) bool) int {
		return sort.Search(len(h.nodes), func(i int) bool { return reached(&h.nodes[i]) })
	}
	high = len(h.nodes)
	if f.First > 0 {
		low = first(func(n *node) bool { return n.at.Seq >= f.First })
	}
	if f.Last > 0 {
		high = first(func(n *node) bool { return n.at.Seq > f.Last })
	}
	if !f.From.IsZero() { // log time never goes back
		low = max(low, first(func(n *node) bool { return !moment(n.time).Before(f.From) }))
	}
	if !f.Until.IsZero() {
		high = min(high, first(func(n *node) bool { return !moment(n.time).Before(f.Until) }))
	}
	return low, max(low, high)
}

// narrowest is the shortest list that holds every node that the filter means;
// false if no index knows better than all.
func (h *History) narrowest(f Filter) (shortest []uint32, narrowed bool) {
	offer := func(list []uint32) {
		if !narrowed || len(list) < len(shortest) {
			shortest, narrowed = list, true
		}
	}
	if f.Resource != "" {
		offer(h.resourced(f.Resource))
	}
	// A text that does not occur has the number of no text, under which no list is.
	number := func(text string) uint32 { n, _ := h.texts.find(text); return n }
	if f.Agent != "" {
		offer(listed(h.index.agents, number(f.Agent)))
	}
	if f.Session != "" {
		offer(listed(h.index.sessions, sessionKey{number(f.Agent), number(f.Session)}))
	}
	if f.Tool != "" {
		offer(listed(h.index.tools, number(f.Tool)))
	}
	if f.Release != 0 {
		offer(listed(h.index.releases, h.releaseDigest(f.Release)))
	}
	if f.Verdict != "" {
		offer(listed(h.index.verdicts, f.Verdict == allow))
	}
	if f.State != "" {
		offer(listed(h.index.states, number(string(f.State))))
	}
	if f.Reason != "" {
		offer(listed(h.index.reasons, f.Reason))
	}
	if f.Identity != "" {
		offer(listed(h.index.whose, number(f.Identity)))
	}
	if !f.Key.IsZero() {
		offer(listed(h.index.keys, f.Key))
	}
	return shortest, narrowed
}

// resourced lists the nodes whose resource has a part. Each text is searched once,
// however many nodes have it.
func (h *History) resourced(part string) []uint32 {
	const (
		unasked = iota
		with
		without
	)
	told := make([]uint8, len(h.texts.values))
	all := []uint32{}
	for ordinal, text := range h.index.resources {
		if told[text] == unasked {
			told[text] = without
			if strings.Contains(h.texts.at(text), part) {
				told[text] = with
			}
		}
		if told[text] == with {
			all = append(all, uint32(ordinal))
		}
	}
	return all
}

// releaseDigest is the digest of the release with a version; zero, which is
// nobody's, if the ledger has none.
func (h *History) releaseDigest(version uint64) trust.Digest {
	for digest, v := range h.versions {
		if v == version {
			return digest
		}
	}
	return trust.Digest{}
}

// means reports whether everything that the filter asks for, but times and
// positions, is true of a node.
func (h *History) means(f Filter, n *node) bool {
	text := func(want string, number uint32) bool { return want == "" || h.texts.at(number) == want }
	if !text(f.Agent, n.agent) || !text(f.Session, n.session) || !text(f.Tool, n.tool) || !text(string(f.State), n.filed) || !strings.Contains(h.texts.at(n.resource), f.Resource) {
		return false
	}
	if f.Verdict != "" {
		if d := n.decided(); d == nil || verdictName(d.allow) != f.Verdict {
			return false
		}
	}
	ordinal := h.vertices[n.vertex].ordinal - 1
	among := func(asked bool, list func() []uint32) bool {
		if !asked {
			return true
		}
		_, there := slices.BinarySearch(list(), ordinal)
		return there
	}
	return among(f.Release != 0, func() []uint32 { return listed(h.index.releases, h.releaseDigest(f.Release)) }) &&
		among(f.Reason != "", func() []uint32 { return listed(h.index.reasons, f.Reason) }) &&
		among(f.Identity != "", func() []uint32 { who, _ := h.texts.find(f.Identity); return listed(h.index.whose, who) }) &&
		among(!f.Key.IsZero(), func() []uint32 { return listed(h.index.keys, f.Key) })
}
