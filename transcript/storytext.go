package transcript

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// String is the story as people read it, over several lines.
func (s Story) String() string {
	var b strings.Builder
	s.writeIntent(&b)
	s.writeDecisions(&b)
	s.section(&b, "approvals", "", s.Approvals)
	s.section(&b, "claims", "nobody claimed it", s.Claims)
	s.section(&b, "outcomes", "none", s.Outcomes)
	if s.Timings.Run != nil {
		fmt.Fprintf(&b, "  the action ran for %.1f ms\n", *s.Timings.Run)
	}
	return b.String()
}

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

func (s Story) writeIntent(b *strings.Builder) {
	in, field := s.Intent.Intent, func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %-10s %s\n", name, value)
		}
	}
	if s.Intent.Kind == "" {
		b.WriteString("an intent that is not on the ledger\n")
		field("digest", in.Digest)
		return
	}
	fmt.Fprintf(b, "intent %s at %s\n", s.Intent.Position, s.Intent.LogTime.UTC().Format(timeLayout))
	field("digest", in.Digest)
	field("id", in.ID)
	field("signed by", clean(strings.Join(s.Intent.By, ", "), maxResource))
	if len(s.Intent.By) != 1 || s.Intent.By[0] != in.Agent {
		field("in name of", clean(in.Agent, maxResource))
	}
	field("defect", in.Defect)
	if in.Session != "" {
		field("session", fmt.Sprintf("%s #%d", clean(in.Session, maxWord), in.Sequence))
	}
	field("tool", in.Tool)
	if in.Action != in.Tool {
		field("action", clean(in.Action, maxWord))
	}
	field("resource", clean(in.Resource, maxResource))
	field("arguments", pretty(in.Arguments))
	field("sealed to", clean(in.Sealed, maxWord))
	if in.Deadline != nil {
		field("deadline", fmt.Sprintf("%s (%v after the intent)", in.Deadline.UTC().Format(timeLayout), in.Deadline.Sub(s.Intent.LogTime).Round(time.Millisecond)))
	}
	for _, at := range s.Resent {
		field("sent again", at.String())
	}
}

const maxResource = 2048 // Intent.resource

// pretty lays JSON out over several lines, below the first one's column. It
// escapes what is not printable.
func pretty(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return clean(string(text), maxResource)
	}
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = clean(lines[i], maxResource)
	}
	return strings.Join(lines, "\n"+strings.Repeat(" ", 13))
}

func (s Story) writeDecisions(b *strings.Builder) {
	b.WriteString("decisions")
	if s.Needed > 0 {
		fmt.Fprintf(b, " (%d needed)", s.Needed)
	}
	b.WriteString("\n")
	for _, r := range s.Decisions {
		again := "re-derived: DIFFERS"
		switch {
		case r.Same:
			again = "re-derived: identical"
		case r.Sealed:
			again = "not re-derived: sealed"
		}
		fmt.Fprintf(b, "%s  %s\n", s.event(r.Line), again)
	}
	if len(s.Decisions) == 0 {
		b.WriteString("  nobody decided it\n")
	}
	if s.Rederived == nil {
		return
	}
	if !s.agreed() {
		fmt.Fprintf(b, "  derived here: %s\n", s.Rederived.Decision.said())
	}
	for line := range strings.Lines(s.Rederived.Explanation) {
		fmt.Fprintf(b, "  | %s\n", clean(strings.TrimRight(line, "\n"), maxResource))
	}
}

// agreed reports whether every recorded decision is the derived one.
func (s Story) agreed() bool {
	for _, r := range s.Decisions {
		if !r.Same {
			return false
		}
	}
	return len(s.Decisions) > 0
}

func (s Story) section(b *strings.Builder, name, none string, lines []Line) {
	if len(lines) == 0 && none == "" {
		return
	}
	b.WriteString(name + "\n")
	for _, l := range lines {
		b.WriteString(s.event(l) + "\n")
	}
	if len(lines) == 0 {
		b.WriteString("  " + none + "\n")
	}
}

// event is one line of the story with the time since the intent.
func (s Story) event(l Line) string {
	since := ""
	if s.Intent.Kind != "" {
		since = fmt.Sprintf("%+.1f ms", float64(l.LogTime.Sub(s.Intent.LogTime).Microseconds())/1000)
	}
	return fmt.Sprintf("  %-8s %-8s %12s  %s", l.Where(), l.Who(), since, l.Text())
}
