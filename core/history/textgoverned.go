package history

import (
	"fmt"
	"strconv"
	"strings"
)

// String is the standing as people read it: what is in force, then who may ask
// for what.
func (s Standing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "position %d at %s, epoch %d\n", s.Position, s.LogTime.Format(timeLayout), s.Epoch)
	field := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-8s %s\n", name, fmt.Sprintf(format, args...))
	}
	if s.Release != nil {
		field("release", "%d (%s) until %s", s.Release.Version, s.Release.Digest[:8], s.Release.Expires.Format(timeLayout))
	}
	for _, h := range s.Halts {
		field("halted", "%s since %d: %s", clean(h.Scope, maxPhrase), h.Position, strings.TrimSpace(h.Rule+" "+clean(h.Reason, maxPhrase)))
	}
	for _, who := range s.Revoked {
		field("revoked", "%s", clean(who, maxPhrase))
	}
	if s.Pulse != nil {
		word := "fresh"
		if !s.Pulse.Fresh {
			word = strings.TrimSpace("not fresh " + clean(s.Pulse.Fault, maxPhrase))
		}
		field("pulse", "at %d, %s", s.Pulse.Position, word)
	}
	if s.Closed != "" {
		field("closed", "nothing could start: %s", s.Closed)
	}
	if len(s.Agents) > 0 {
		b.WriteString(columns(s.matrix()))
	}
	return b.String()
}

// cellWords are the cells as people read them.
var cellWords = map[Cell]string{CellOpen: "may ask", CellNotGranted: "-", CellHalted: "halted", CellRevoked: "revoked"}

func (s Standing) matrix() [][]string {
	rows := [][]string{append([]string{"agent"}, s.Tools...)}
	for _, a := range s.Agents {
		row := []string{a.Name}
		for _, tool := range s.Tools {
			row = append(row, cellWords[a.Tools[tool]])
		}
		rows = append(rows, row)
	}
	return rows
}

// String is the record in words.
func (g Governed) String() string {
	words := []string{g.Record}
	if g.Version > 0 {
		words = append(words, strconv.FormatUint(g.Version, 10))
	}
	for _, word := range []string{g.Rule, g.Scope, g.Subject, g.Revoked} {
		if word != "" {
			words = append(words, clean(word, maxPhrase))
		}
	}
	for _, id := range g.Halts {
		words = append(words, "of "+id[:8])
	}
	if g.Reason != "" {
		words = append(words, fmt.Sprintf("%q", clean(g.Reason, maxPhrase)))
	}
	by := make([]string, len(g.By))
	for i, id := range g.By {
		by[i] = shortName(id)
	}
	return fmt.Sprintf("%s (epoch %d) by %s", strings.Join(words, " "), g.Epoch, strings.Join(by, ", "))
}

// String is what was signed, as people read it, without the intents.
func (t Touched) String() string {
	var rows [][]string
	for _, k := range t.Keys {
		row := []string{"  key", strconv.FormatUint(k.Position, 10), k.Key[:16], clean(k.Identity, maxPhrase), "until " + k.Expires.Format(timeLayout)}
		if k.Revoked > 0 {
			row = append(row, fmt.Sprintf("REVOKED at %d", k.Revoked))
		}
		rows = append(rows, row)
	}
	text := columns(rows)
	rows = nil
	for _, g := range t.Governance {
		rows = append(rows, []string{"  signed", strconv.FormatUint(g.Position, 10), g.String()})
	}
	return fmt.Sprintf("%s\n%s%s  %d pulses, %d intents\n", strings.TrimSpace(clean(t.Identity, maxPhrase)+" "+t.Key), text, columns(rows), t.Pulses, t.Intents)
}
