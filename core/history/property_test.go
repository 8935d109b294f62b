package history_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// play makes a ledger of random moves, and draws edges to what is there, to what
// never comes, and to what comes later.
func play(t *rapid.T) *world {
	w := newWorld(t, history.Config{})
	future := w.intent("bob", in("future"), of("later"))
	claims := map[int]ledger.Position{}
	some := func() int { return rapid.IntRange(0, len(w.asked)-1).Draw(t, "which") }
	for range rapid.IntRange(1, 25).Draw(t, "moves") {
		move := rapid.IntRange(0, 10).Draw(t, "move")
		if len(w.asked) == 0 {
			move = 0
		}
		switch move {
		case 0, 1, 2:
			w.one(rapid.SampledFrom([]string{"alice", "bob"}).Draw(t, "agent"), drawn(t, w, future))
		case 3:
			w.decide(rapid.SampledFrom([][]string{{"e1", "e2"}, {"e2"}, {"e1", "e1"}}).Draw(t, "enforcers")...)
		case 4:
			i := some()
			claims[i] = w.claim(w.asked[i], rapid.SampledFrom([]string{"x1", "x2"}).Draw(t, "executor"))
		case 5:
			i := some()
			w.report(w.asked[i], claims[i], rapid.SampledFrom([]string{"x1", "x2"}).Draw(t, "reporter"),
				rapid.SampledFrom([]pb.Status{pb.Status_STATUS_EXECUTED, pb.Status_STATUS_FAILED}).Draw(t, "status"))
		case 6:
			w.answer(w.asked[some()], rapid.Bool().Draw(t, "yes"), "")
		case 7:
			r := w.asked[some()]
			w.append(schemas.KindIntent, r.by, members()[r.by].List(schemas.KindIntent, w.zone.Ledger, r.item))
		case 8:
			w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Millisecond, 998 * time.Millisecond, 3 * time.Second}).Draw(t, "wait"))
			w.pulse()
		case 9:
			w.release()
		case 10: // one that goes all the way
			r := w.one("alice", in("side"))
			w.decide("e1", "e2")
			claims[len(w.asked)-1] = w.claim(r, "x1")
			if rapid.Bool().Draw(t, "ends") {
				w.report(r, claims[len(w.asked)-1], "x1", rapid.SampledFrom([]pb.Status{pb.Status_STATUS_EXECUTED, pb.Status_STATUS_FAILED}).Draw(t, "end"))
			}
		}
	}
	if rapid.Bool().Draw(t, "future comes") {
		w.ask("bob", future)
	}
	return w
}

func drawn(t *rapid.T, w *world, future *pb.Intent) func(*pb.Intent) {
	return func(i *pb.Intent) {
		i.Session = rapid.SampledFrom([]string{"main", "side"}).Draw(t, "session")
		i.Resource = rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(t, "resource")
		if rapid.Bool().Draw(t, "pays") {
			pay(rapid.SampledFrom([]int{5, 50, 500}).Draw(t, "amount"))(i)
		}
		for range rapid.IntRange(0, 3).Draw(t, "parents") {
			switch n := rapid.IntRange(-2, len(w.asked)-1).Draw(t, "parent"); n {
			case -2:
				i.Parents = append(i.Parents, make([]byte, 32))
			case -1:
				digest := digestOf(t, future)
				i.Parents = append(i.Parents, digest[:])
			default:
				i.Parents = append(i.Parents, w.asked[n].digest[:])
			}
		}
		i.Deadline = timestamppb.New(w.now.Add(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second}).Draw(t, "deadline")))
	}
}

func digestOf(t *rapid.T, in *pb.Intent) trust.Digest { return trust.DigestOf(encode(t, in)) }

// all are the world's intents as the history tells them, one by one.
func (w *world) all() (told []history.Intent) {
	w.tb.Helper()
	for _, r := range w.asked {
		in, ok := w.history.Intent(r.digest)
		if !ok || in.Position != r.at.String() {
			w.tb.Fatalf("%s: %v at %s", r.at, ok, in.Position)
		}
		told = append(told, in)
	}
	return told
}

// TestSearchIsAScan: whatever is asked, indexes answer what reading every intent
// answers, in any order and however it is cut into pages.
func TestSearchIsAScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		f := drawFilter(t, w)
		var want []string
		for _, in := range w.all() {
			if scanned(f, in) {
				want = append(want, in.Position)
			}
		}
		newest := rapid.Bool().Draw(t, "newest")
		if newest {
			slices.Reverse(want)
		}
		var got []string
		q := history.Query{Filter: f, Limit: rapid.IntRange(1, 4).Draw(t, "limit"), Newest: newest}
		for {
			page, err := w.history.Search(q)
			if err != nil {
				t.Fatal(err)
			}
			if page.Total != len(want) || len(page.Intents) > q.Limit {
				t.Fatalf("total %d, want %d; %d on a page of %d", page.Total, len(want), len(page.Intents), q.Limit)
			}
			for _, in := range page.Intents {
				got = append(got, in.Position)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: got %v, want %v", f, got, want)
		}
	})
}

func drawFilter(t *rapid.T, w *world) (f history.Filter) {
	maybe := func(name string, set func()) {
		if rapid.IntRange(0, 3).Draw(t, name) == 0 {
			set()
		}
	}
	pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
	maybe("by agent", func() { f.Agent = pick("agent", spiffe("alice"), spiffe("bob"), spiffe("x1"), "nobody") })
	maybe("by session", func() {
		if f.Agent != "" {
			f.Session = pick("session", "main", "side", "none")
		}
	})
	maybe("by tool", func() { f.Tool = pick("tool", "read", "pay", "fly") })
	maybe("by resource", func() { f.Resource = pick("resource", "a", "b", "acct") })
	maybe("by release", func() { f.Release = uint64(rapid.IntRange(1, 4).Draw(t, "release")) })
	maybe("by verdict", func() { f.Verdict = pick("verdict", "ALLOW", "DENY") })
	maybe("by reason", func() {
		f.Reason = pick("reason", "policy.default_deny", "approval.pending", "claim.undecided", "claim.denied", "session.gap")
	})
	maybe("by state", func() { f.State = rapid.SampledFrom(history.States()).Draw(t, "state") })
	maybe("by signer", func() {
		f.Identity = pick("signer", spiffe("e1"), spiffe("x1"), spiffe("p1"), spiffe("alice"), "nobody")
	})
	maybe("by key", func() { f.Key = members()[pick("key", "e2", "x2", "bob")].Key.ID() })
	maybe("from", func() {
		f.From = trusttest.Start.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "from ms")) * time.Millisecond)
	})
	maybe("until", func() {
		f.Until = trusttest.Start.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "until ms")) * time.Millisecond)
	})
	maybe("first", func() { f.First = uint64(rapid.IntRange(1, int(w.seq)+1).Draw(t, "first seq")) })
	maybe("last", func() { f.Last = uint64(rapid.IntRange(1, int(w.seq)+1).Draw(t, "last seq")) })
	return f
}

// scanned says without any index whether an intent is meant.
func scanned(f history.Filter, in history.Intent) bool {
	at, _ := ledger.ParsePosition(in.Position)
	signers, reasons, releases := map[string]bool{in.Agent: true}, map[string]bool{in.Defect: true}, map[uint64]bool{}
	for _, d := range in.Decisions {
		signers[d.By], releases[d.Release] = true, true
		for _, r := range d.Reasons {
			reasons[r] = true
		}
	}
	for _, a := range in.Approvals {
		signers[a.By] = true
	}
	for _, c := range in.Claims {
		signers[c.By], reasons[c.Void] = true, true
	}
	for _, o := range in.Outcomes {
		signers[o.By], reasons[o.Reason] = true, true
	}
	keyed := f.Key.IsZero()
	for _, m := range members() {
		keyed = keyed || m.Key.ID() == f.Key && signers[m.SPIFFE()] // one key each
	}
	is := func(want, got string) bool { return want == "" || want == got }
	return is(f.Agent, in.Agent) && is(f.Session, in.Session) && is(f.Tool, in.Tool) && strings.Contains(in.Resource, f.Resource) &&
		(f.Release == 0 || releases[f.Release]) && is(f.Verdict, in.Verdict) && (f.Reason == "" || reasons[f.Reason]) &&
		is(string(f.State), string(in.State)) && (f.Identity == "" || signers[f.Identity]) && keyed &&
		(f.From.IsZero() || !in.LogTime.Before(f.From)) && (f.Until.IsZero() || in.LogTime.Before(f.Until)) &&
		at.Seq >= f.First && (f.Last == 0 || at.Seq <= f.Last)
}

// TestGraphsHoldTogether: every end of an edge is a node, known exactly if it
// stands on the ledger; every edge that two intents have is there; causes and
// effects are the same relation; and text and DOT say it all.
func TestGraphsHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		if len(w.asked) == 0 {
			return
		}
		walk := history.Walk{
			Ancestors: rapid.Bool().Draw(t, "up"), Descendants: rapid.Bool().Draw(t, "down"), Sessions: rapid.Bool().Draw(t, "sessions"),
			Depth: rapid.IntRange(0, 3).Draw(t, "depth"), Nodes: rapid.IntRange(0, 12).Draw(t, "nodes"),
		}
		stands := map[string]history.Intent{}
		for _, in := range w.all() {
			stands[in.Digest] = in
		}
		root := rapid.SampledFrom(w.asked).Draw(t, "root").digest
		g, err := w.history.Lineage(root, walk)
		if err != nil {
			t.Fatal(err)
		}
		checkGraph(t, g, walk, stands)
		checkDOT(t, g.DOT(), len(g.Nodes), len(g.Edges))
		if walk == (history.Walk{Descendants: true, Sessions: walk.Sessions}) && !g.Cut {
			checkInverse(t, w, g, walk.Sessions)
		}
		if text := g.String(); strings.Count(text, "\n") < 2 || strings.Contains(text, "\x1b") {
			t.Fatalf("text %q", text)
		}
	})
}

func checkGraph(t *rapid.T, g history.Graph, walk history.Walk, stands map[string]history.Intent) {
	t.Helper()
	nodes := map[string]history.Node{}
	for _, n := range g.Nodes {
		_, known := stands[n.Digest]
		if n.Known != known || n.Known != (n.Intent != nil) || nodes[n.Digest].Digest != "" {
			t.Fatalf("node %+v, which stands: %v", n, known)
		}
		nodes[n.Digest] = n
	}
	if nodes[g.Root].Depth != 0 || nodes[g.Root].Digest == "" || walk.Nodes > 0 && len(nodes) > walk.Nodes {
		t.Fatalf("root %+v of %d nodes", nodes[g.Root], len(nodes))
	}
	edges := map[string]bool{}
	for _, e := range g.Edges {
		if nodes[e.From].Digest == "" || nodes[e.To].Digest == "" {
			t.Fatalf("edge %+v leads out of the graph", e)
		}
		edges[fmt.Sprint(e.From, e.To, e.Kind)] = true
	}
	want := map[string]bool{}
	for _, n := range nodes {
		if !n.Known {
			continue
		}
		for _, p := range n.Intent.Parents {
			want[fmt.Sprint(p, n.Digest, history.EdgeParent)] = nodes[p].Digest != ""
		}
		if walk.Sessions && n.Intent.Previous != "" {
			want[fmt.Sprint(n.Intent.Previous, n.Digest, history.EdgePrevious)] = nodes[n.Intent.Previous].Digest != ""
		}
	}
	for e, inside := range want {
		if inside != edges[e] {
			t.Fatalf("edge %s: in the graph %v, want %v", e, edges[e], inside)
		}
		delete(edges, e)
	}
	if len(edges) > 0 {
		t.Fatalf("edges that nobody drew: %v", edges)
	}
}

// checkInverse: the root is a cause of each of its effects.
func checkInverse(t *rapid.T, w *world, g history.Graph, sessions bool) {
	t.Helper()
	for _, n := range g.Nodes {
		digest, err := trust.ParseDigest(n.Digest)
		if err != nil {
			t.Fatal(err)
		}
		up, err := w.history.Lineage(digest, history.Walk{Ancestors: true, Sessions: sessions})
		if err != nil || !slices.ContainsFunc(up.Nodes, func(c history.Node) bool { return c.Digest == g.Root && c.Depth == -n.Depth }) {
			t.Fatalf("%s is no cause of %s: %v", g.Root, n.Digest, err)
		}
	}
}

// TestHistoryIsOfItsPrefix: a history that was told more says the same of what
// stood before, as far as positions go, as one that was told less.
func TestHistoryIsOfItsPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		cut := rapid.IntRange(0, len(w.raws)).Draw(t, "cut")
		fold, h := ledger.NewFold(w.zone.Ledger, nil), history.New(history.Config{})
		parser := ledger.Parser{Zone: trusttest.ZoneName}
		told := func(from, to int) {
			for _, raw := range w.raws[from:to] {
				parsed := parser.Parse(raw)
				rec, _ := fold.Step(parsed)
				if err := h.Step(fold, rec, history.Read(parsed)); err != nil {
					t.Fatal(err)
				}
			}
		}
		told(0, cut)
		before, err := h.Search(history.Query{Limit: history.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		told(cut, len(w.raws))
		after, err := h.Search(history.Query{Limit: history.MaxPage, Filter: history.Filter{Last: uint64(max(cut, 1))}})
		if err != nil || len(before.Intents) != len(after.Intents) {
			t.Fatalf("%d intents, then %d: %v", len(before.Intents), len(after.Intents), err)
		}
		for i := range before.Intents {
			was, is := before.Intents[i], after.Intents[i]
			if was.Digest != is.Digest || was.State.Final() && was.State != is.State && was.State != history.StateExpired && was.State != history.StateVoid && was.State != history.StateDenied {
				t.Fatalf("%s was %s and is %s", was.Position, was.State, is.State)
			}
		}
		if h.Counts() != w.history.Counts() {
			t.Fatalf("%+v, with keys %+v", h.Counts(), w.history.Counts())
		}
	})
}

// TestStatesAreFiledAtEachPosition: wherever a history stands, what it lists under a
// state or a verdict is what each intent tells of itself there.
func TestStatesAreFiledAtEachPosition(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		w := play(t)
		fold, h := ledger.NewFold(w.zone.Ledger, nil), history.New(history.Config{})
		parser := ledger.Parser{Zone: trusttest.ZoneName}
		found := func(f history.Filter) []history.Intent {
			page, err := h.Search(history.Query{Filter: f, Limit: history.MaxPage})
			if err != nil || page.Total != len(page.Intents) {
				t.Fatalf("%+v: %d of %d: %v", f, len(page.Intents), page.Total, err)
			}
			return page.Intents
		}
		for _, raw := range w.raws {
			parsed := parser.Parse(raw)
			rec, _ := fold.Step(parsed)
			if err := h.Step(fold, rec, history.Read(parsed)); err != nil {
				t.Fatal(err)
			}
			all, agent := found(history.Filter{}), rapid.SampledFrom([]string{"", spiffe("alice")}).Draw(t, "agent")
			for _, f := range filings(agent) {
				var got, want []string
				for _, in := range all {
					if scanned(f, in) {
						want, seen[string(f.State)+f.Verdict] = append(want, in.Position), true
					}
				}
				for _, in := range found(f) {
					got = append(got, in.Position)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("position %d, %+v: got %v, want %v", raw.Seq, f, got, want)
				}
			}
		}
	})
	for _, state := range []string{"open", "waiting", "allowed", "claimed", "executed", "failed", "denied", "expired", "ALLOW", "DENY"} {
		if !seen[state] {
			t.Errorf("no ledger had an intent that was %s", state)
		}
	}
}

// filings are filters by each state and by each verdict.
func filings(agent string) (all []history.Filter) {
	for _, state := range history.States() {
		all = append(all, history.Filter{Agent: agent, State: state})
	}
	return append(all, history.Filter{Agent: agent, Verdict: "ALLOW"}, history.Filter{Agent: agent, Verdict: "DENY"})
}
