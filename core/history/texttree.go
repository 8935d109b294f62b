package history

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// String is the graph as people read it: the root, then its causes and its
// effects as trees. What hangs on two branches is spelled out on the first.
func (g Graph) String() string {
	byDigest := make(map[string]Node, len(g.Nodes))
	causes, effects := map[string][]Edge{}, map[string][]Edge{}
	for _, n := range g.Nodes {
		byDigest[n.Digest] = n
	}
	for _, e := range g.Edges {
		causes[e.To], effects[e.From] = append(causes[e.To], e), append(effects[e.From], e)
	}
	root, found := byDigest[g.Root]
	if !found {
		return ""
	}
	text := "an intent that is not on the ledger: " + root.Digest + "\n"
	if root.Known {
		text = root.Intent.String()
	}
	var rows [][]string
	branch := func(title string, edges map[string][]Edge, end func(Edge) string) {
		t := tree{nodes: byDigest, edges: edges, end: end, seen: map[string]bool{}}
		t.grow(g.Root, "", 1)
		if len(t.rows) == 0 {
			t.rows = [][]string{{"└─ none"}}
		}
		rows = append(append(rows, []string{title}), t.rows...)
	}
	if g.Walk.Ancestors {
		branch("causes", causes, func(e Edge) string { return e.From })
	}
	if g.Walk.Descendants {
		branch("effects", effects, func(e Edge) string { return e.To })
	}
	text += columns(rows)
	if g.Cut {
		text += "there is more; ask for a greater depth\n"
	}
	return text
}

// tree is the work on one tree of a graph.
type tree struct {
	nodes map[string]Node
	edges map[string][]Edge
	end   func(Edge) string // the far end
	seen  map[string]bool
	rows  [][]string
}

// maxTree is how deep a tree is drawn, whatever the graph's depth.
const maxTree = 64

func (t *tree) grow(from, indent string, depth int) {
	edges := distinct(t.edges[from], t.end)
	if depth > maxTree && len(edges) > 0 {
		t.rows = append(t.rows, []string{indent + "└─ …"})
		return
	}
	for i, e := range edges {
		fork, bar := "├─ ", "│  "
		if i == len(edges)-1 {
			fork, bar = "└─ ", "   "
		}
		far := t.nodes[t.end(e)]
		again := t.seen[far.Digest]
		t.seen[far.Digest] = true
		t.rows = append(t.rows, t.row(indent+fork, e, far, again))
		if !again {
			t.grow(far.Digest, indent+bar, depth+1)
		}
	}
}

// distinct leaves out the edge of a session where a parent's leads to the same end.
func distinct(edges []Edge, end func(Edge) string) []Edge {
	known := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(edges), func(e Edge) bool {
		twice := known[end(e)]
		known[end(e)] = true
		return twice
	})
}

func (t *tree) row(lead string, e Edge, n Node, again bool) []string {
	if !n.Known {
		return []string{lead + n.Digest[:8], "unknown", "not on the ledger"}
	}
	row := n.Intent.row()
	row[0] = lead + row[0]
	var marks []string
	if e.Kind == EdgePrevious {
		marks = append(marks, "session")
	}
	if e.Late {
		marks = append(marks, "cause stands after it")
	}
	if again && len(t.edges[n.Digest]) > 0 {
		marks = append(marks, "see above")
	}
	if len(marks) > 0 {
		row = append(row, "("+strings.Join(marks, ", ")+")")
	}
	return row
}

// columns lays rows out, each cell as wide as the widest of its column.
func columns(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
