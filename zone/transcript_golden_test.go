package zone_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portcullis-dev/portcullis/transcript"
)

// golden renders lines so that the same story always reads the same.
type golden struct {
	told    int    // lines rendered so far
	number  uint64 // of the newest record shown
	last    uint64 // its sequence
	numbers map[transcript.Position]transcript.Position
}

// catchUp waits until the watcher has read the newest record.
func (w *stage) catchUp() {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	newest, err := w.conns["g1"].Last(ctx)
	w.must(err)
	w.until("newest record", func() bool { return w.seen >= newest })
}

// told is what happened since it was called last: the ledger's lines, then what
// executors did and agents heard.
func (w *stage) told() string {
	w.catchUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, l := range w.golden.take(w.lines) {
		fmt.Fprintln(&b, strings.TrimRight(w.golden.render(l), " "))
	}
	for _, a := range w.acts {
		at := w.golden.place(transcript.Position(a.action.Claim))
		fmt.Fprintf(&b, "        %s acts under claim %s: %s %s\n", a.executor, at, a.action.Intent.GetTool(), a.action.Intent.GetResource())
	}
	for _, text := range w.aside {
		fmt.Fprintf(&b, "        %s\n", text)
	}
	w.acts, w.aside = nil, nil
	return b.String()
}

// take returns the lines that were not shown yet, without what is chance.
func (g *golden) take(all []transcript.Line) []transcript.Line {
	var lines []transcript.Line
	for _, l := range all[g.told:] {
		if l.Pulse != nil || l.Decision != nil && l.Decision.Votes > l.Decision.Needed {
			continue
		}
		lines = append(lines, l)
	}
	g.told = len(all)
	orderVoters(lines)
	return lines
}

// orderVoters puts the signers of equal decisions that follow each other in the
// order of their names: who was faster is chance.
func orderVoters(lines []transcript.Line) {
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && sameVote(lines[from], lines[to]) {
			to++
		}
		var voters [][]string
		for _, l := range lines[from:to] {
			voters = append(voters, l.By)
		}
		slices.SortFunc(voters, slices.Compare)
		for i, by := range voters {
			lines[from+i].By = by
		}
		from = to
	}
}

func sameVote(a, b transcript.Line) bool {
	return a.Decision != nil && b.Decision != nil && a.Decision.Intent == b.Decision.Intent && a.Decision.Verdict == b.Decision.Verdict &&
		slices.Equal(a.Decision.Reasons, b.Decision.Reasons)
}

// render numbers a line and what it refers to, pulses not counted. Items of
// decisions, claims and outcomes are numbered one by one: into which lists they
// were cut is chance.
func (g *golden) render(l transcript.Line) string {
	if l.Intent == nil || l.Position.Seq != g.last {
		g.number++
	}
	g.last = l.Position.Seq
	now := transcript.Position{Seq: g.number}
	if l.Intent != nil {
		now.Index = l.Position.Index
	}
	if g.numbers == nil {
		g.numbers = map[transcript.Position]transcript.Position{}
	}
	g.numbers[l.Position] = now
	l.Position = now
	switch {
	case l.Intent != nil && l.Intent.Resends != nil:
		in, at := *l.Intent, g.place(*l.Intent.Resends)
		in.Resends, l.Intent = &at, &in
	case l.Decision != nil:
		d := *l.Decision
		d.Intent, l.Decision = g.place(d.Intent), &d
	case l.Claim != nil:
		c := *l.Claim
		c.Intent, l.Claim = g.place(c.Intent), &c
	case l.Outcome != nil:
		o := *l.Outcome
		o.Claim, l.Outcome = g.place(o.Claim), &o
	}
	return digests.ReplaceAllString(l.String(), "########")
}

// digests differ from run to run.
var digests = regexp.MustCompile(`\b[0-9a-f]{8,64}\b`)

// place is the number of a position that was shown; zero for any other.
func (g *golden) place(p transcript.Position) transcript.Position { return g.numbers[p] }
