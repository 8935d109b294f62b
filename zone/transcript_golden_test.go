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

// catchUp waits until the watcher has read the newest record, and returns its
// position.
func (w *stage) catchUp() uint64 {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	newest, err := w.conns["g1"].Last(ctx)
	w.must(err)
	w.until("newest record", func() bool { return w.seen >= newest })
	return newest
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
		at := w.golden.numbers[transcript.Position(a.action.Claim)]
		fmt.Fprintf(&b, "        %s acts under claim %s: %s %s\n", a.executor, at, a.action.Intent.GetTool(), a.action.Intent.GetResource())
	}
	for _, text := range w.aside {
		fmt.Fprintf(&b, "        %s\n", text)
	}
	for _, story := range w.stories {
		for line := range strings.Lines(w.golden.story(story)) {
			fmt.Fprintf(&b, "        %s", line)
		}
	}
	w.acts, w.aside, w.stories = nil, nil, nil
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

// render numbers a line and renders it.
func (g *golden) render(l transcript.Line) string {
	return digests.ReplaceAllString(g.renumbered(g.numbered(l)).String(), "########")
}

// numbered gives a line the next number. Items of decisions, claims and outcomes
// are numbered one by one: into which lists they were cut is chance.
func (g *golden) numbered(l transcript.Line) transcript.Line {
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
	return l
}

// renumbered replaces all positions in a line by their numbers.
func (g *golden) renumbered(l transcript.Line) transcript.Line {
	l.Position = g.numbers[l.Position]
	switch {
	case l.Intent != nil && l.Intent.Resends != nil:
		in, at := *l.Intent, g.numbers[*l.Intent.Resends]
		in.Resends, l.Intent = &at, &in
	case l.Decision != nil:
		l.Decision = g.decision(l.Decision)
	case l.Claim != nil:
		c := *l.Claim
		c.Intent, l.Claim = g.numbers[c.Intent], &c
	case l.Outcome != nil:
		o := *l.Outcome
		o.Claim, l.Outcome = g.numbers[o.Claim], &o
	case l.Governance != nil && l.Governance.Record == "trip":
		trip := *l.Governance
		trip.Reason, l.Governance = "", &trip // names positions, which are chance
	}
	return l
}

func (g *golden) decision(d *transcript.Decision) *transcript.Decision {
	renumbered := *d
	renumbered.Intent = g.numbers[d.Intent]
	return &renumbered
}

// story renders a story whose lines were all told before.
func (g *golden) story(s transcript.Story) string {
	s.Intent = g.renumbered(s.Intent)
	for i := range s.Resent {
		s.Resent[i] = g.numbers[s.Resent[i]]
	}
	votes := make([]transcript.Line, len(s.Decisions))
	for i, r := range s.Decisions {
		votes[i] = g.renumbered(r.Line)
	}
	orderVoters(votes)
	for i := range s.Decisions {
		s.Decisions[i].Line = votes[i]
	}
	for _, lines := range [][]transcript.Line{s.Approvals, s.Claims, s.Outcomes} {
		for i := range lines {
			lines[i] = g.renumbered(lines[i])
		}
	}
	if s.Rederived != nil {
		s.Rederived.Decision = g.decision(s.Rederived.Decision)
	}
	text := s.String()
	for _, chance := range chances {
		text = chance.pattern.ReplaceAllString(text, chance.instead)
	}
	return text
}

// digests differ from run to run.
var digests = regexp.MustCompile(`\b[0-9a-f]{8,64}\b`)

// chances are what else differs in a story.
var chances = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`), "<uuid>"},
	{digests, "########"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "<time>"},
	{regexp.MustCompile(` +[+]?\d+\.\d ms`), " <n> ms"},
	{regexp.MustCompile(`\([-0-9.hms]+ after the intent\)`), "(<n> after the intent)"},
}
