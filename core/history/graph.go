package history

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// ErrCycle reports intents that caused each other. Each names the other by a
// SHA-256 that covers its own: somebody has broken SHA-256, or this history.
var ErrCycle = errors.New("history: intents that cause each other")

// EdgeKind says what binds an effect to its cause.
type EdgeKind string

// The kinds of edges.
const (
	EdgeParent   EdgeKind = "parent"   // the effect names the cause as a parent
	EdgePrevious EdgeKind = "previous" // the cause stands before the effect in its session
)

// Walk says which part of the graph is wanted.
type Walk struct {
	Ancestors   bool `json:"ancestors"`   // causes
	Descendants bool `json:"descendants"` // effects
	Sessions    bool `json:"sessions"`    // along sessions too, not from parents to children only
	Depth       int  `json:"depth"`       // steps from the root at most; 0 for all
	Nodes       int  `json:"nodes"`       // nodes at most; 0 means MaxGraph
}

// MaxGraph is how many nodes a graph has at most.
const MaxGraph = 10_000

// Graph is a part of the lineage of one intent. It holds every edge between two
// of its nodes that the walk would follow.
type Graph struct {
	Root  string `json:"root"`          // digest
	Walk  Walk   `json:"walk"`          // what was asked for
	Nodes []Node `json:"nodes"`         // known ones in the order of the ledger, then unknown ones
	Edges []Edge `json:"edges"`         // in the order of their effects, as Nodes
	Cut   bool   `json:"cut,omitempty"` // there is more, beyond the depth or the number of nodes
}

// Node is an intent, or one that is only named.
type Node struct {
	Digest string  `json:"digest"`
	Known  bool    `json:"known"`            // it stands on the ledger
	Depth  int     `json:"depth"`            // steps from the root: negative for causes, positive for effects
	Intent *Intent `json:"intent,omitempty"` // nil if it is not known
}

// Edge leads from a cause to its effect.
type Edge struct {
	From string   `json:"from"` // digests
	To   string   `json:"to"`
	Kind EdgeKind `json:"kind"`
	Late bool     `json:"late,omitempty"` // the cause stands on the ledger after the effect that names it
}

// Lineage walks the graph from one intent, which may be one that is only named.
// Errors wrap ErrNotFound or ErrCycle.
func (h *History) Lineage(root trust.Digest, w Walk) (Graph, error) {
	start, named := h.digests.find(root)
	if !named {
		return Graph{}, fmt.Errorf("%w: no intent %s stands on it, and none names it", ErrNotFound, root.Short())
	}
	if w.Nodes <= 0 || w.Nodes > MaxGraph {
		w.Nodes = MaxGraph
	}
	g := &walking{h: h, w: w, depth: map[uint32]int{start: 0}, root: start}
	if w.Ancestors {
		g.spread(-1, h.causes)
	}
	if w.Descendants {
		g.spread(1, h.effects)
	}
	return g.graph()
}

// causes are the vertices that a vertex names.
func (h *History) causes(v uint32, sessions bool) (all []uint32) {
	if h.vertices[v].ordinal == 0 {
		return nil
	}
	n := &h.nodes[h.vertices[v].ordinal-1]
	all = append(all, n.parents...)
	if sessions && n.previous != 0 {
		all = append(all, n.previous-1)
	}
	return all
}

// effects are the vertices that name a vertex.
func (h *History) effects(v uint32, sessions bool) (all []uint32) {
	for _, ordinal := range h.vertices[v].children {
		all = append(all, h.nodes[ordinal].vertex)
	}
	if sessions {
		for _, ordinal := range h.vertices[v].next {
			all = append(all, h.nodes[ordinal].vertex)
		}
	}
	return all
}

// walking is the work on one graph.
type walking struct {
	h     *History
	w     Walk
	root  uint32
	depth map[uint32]int // of the vertices found
	cut   bool
}

// spread goes breadth first, so that a depth is that of a shortest way.
func (g *walking) spread(sign int, neighbours func(uint32, bool) []uint32) {
	front := []uint32{g.root}
	for step := 1; len(front) > 0; step++ {
		var next []uint32
		for _, v := range front {
			for _, other := range neighbours(v, g.w.Sessions) {
				if _, known := g.depth[other]; known {
					continue
				}
				if g.w.Depth > 0 && step > g.w.Depth || len(g.depth) >= g.w.Nodes {
					g.cut = true
					continue
				}
				g.depth[other] = sign * step
				next = append(next, other)
			}
		}
		front = next
	}
}

func (g *walking) graph() (Graph, error) {
	order := g.order()
	place := make(map[uint32]int, len(order))
	for i, v := range order {
		place[v] = i
	}
	graph := Graph{
		Root: g.h.vertices[g.root].digest.String(), Nodes: make([]Node, len(order)), Edges: []Edge{}, Cut: g.cut, Walk: g.w,
	}
	for i, v := range order {
		graph.Nodes[i] = g.node(v)
	}
	causes := make([][]int, len(order))
	for i, v := range order {
		for _, e := range g.edges(v) {
			from, found := place[e.from]
			if !found {
				continue
			}
			causes[i] = append(causes[i], from)
			graph.Edges = append(graph.Edges, Edge{graph.Nodes[from].Digest, graph.Nodes[i].Digest, e.kind, from > i && graph.Nodes[from].Known})
		}
	}
	if !acyclic(causes) {
		return Graph{}, fmt.Errorf("%w: around %s", ErrCycle, graph.Root)
	}
	return graph, nil
}

// order is the ledger's; what is only named comes last, by digest.
func (g *walking) order() []uint32 {
	order := make([]uint32, 0, len(g.depth))
	for v := range g.depth {
		order = append(order, v)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		x, y := &g.h.vertices[a], &g.h.vertices[b]
		return cmp.Or(
			cmp.Compare(x.ordinal-1, y.ordinal-1), // an unknown one's wraps around to the highest
			slices.Compare(x.digest[:], y.digest[:]),
		)
	})
	return order
}

func (g *walking) node(v uint32) Node {
	n := Node{Digest: g.h.vertices[v].digest.String(), Depth: g.depth[v]}
	if ordinal := g.h.vertices[v].ordinal; ordinal != 0 {
		told := g.h.view(&g.h.nodes[ordinal-1])
		n.Known, n.Intent = true, &told
	}
	return n
}

// inward is an edge by which a vertex is an effect.
type inward struct {
	from uint32
	kind EdgeKind
}

func (g *walking) edges(v uint32) (all []inward) {
	if g.h.vertices[v].ordinal == 0 {
		return nil
	}
	n := &g.h.nodes[g.h.vertices[v].ordinal-1]
	for i, p := range n.parents {
		if !slices.Contains(n.parents[:i], p) { // named twice
			all = append(all, inward{p, EdgeParent})
		}
	}
	if g.w.Sessions && n.previous != 0 {
		all = append(all, inward{n.previous - 1, EdgePrevious})
	}
	return all
}

// acyclic reports whether everything can be put after its causes.
func acyclic(causes [][]int) bool {
	effects, open := make([][]int, len(causes)), make([]int, len(causes))
	var free []int
	for i, all := range causes {
		open[i] = len(all)
		for _, c := range all {
			effects[c] = append(effects[c], i)
		}
		if len(all) == 0 {
			free = append(free, i)
		}
	}
	settled := 0
	for ; len(free) > 0; settled++ {
		last := free[len(free)-1]
		free = free[:len(free)-1]
		for _, e := range effects[last] {
			if open[e]--; open[e] == 0 {
				free = append(free, e)
			}
		}
	}
	return settled == len(causes)
}

// Between is the graph of some intents: every edge between two of them. Its root
// is none.
func Between(intents []Intent) Graph {
	g := Graph{Walk: Walk{Sessions: true}, Nodes: make([]Node, len(intents)), Edges: []Edge{}}
	place := make(map[string]int, len(intents))
	for i := range intents {
		g.Nodes[i], place[intents[i].Digest] = Node{Digest: intents[i].Digest, Known: true, Intent: &intents[i]}, i
	}
	for i, in := range intents {
		add := func(cause string, kind EdgeKind) {
			if from, among := place[cause]; among {
				g.Edges = append(g.Edges, Edge{cause, in.Digest, kind, from > i})
			}
		}
		for n, p := range in.Parents {
			if !slices.Contains(in.Parents[:n], p) { // named twice
				add(p, EdgeParent)
			}
		}
		add(in.Previous, EdgePrevious)
	}
	return g
}
