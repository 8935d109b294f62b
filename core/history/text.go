package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portcullis-dev/portcullis/core/trust"
)

// timeLayout is RFC 3339 in UTC with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Most runes of what others wrote in one cell.
const (
	maxWord   = 80
	maxPhrase = 160
)

// String is one intent as people read it, over several lines.
func (in Intent) String() string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "intent %s at %s: %s\n", in.Position, in.LogTime.Format(timeLayout), in.State)
	field("digest", in.Digest)
	field("id", in.ID)
	field("agent", clean(in.Agent, maxPhrase))
	field("in name of", clean(in.InNameOf, maxPhrase))
	field("defect", in.Defect)
	field("session", in.session())
	field("asks for", in.asks())
	if in.Deadline != nil {
		field("deadline", in.Deadline.Format(timeLayout))
	}
	for _, l := range in.Delegation {
		field("delegated", l.String())
	}
	field("sent again", strings.Join(in.Resent, ", "))
	for _, d := range in.Decisions {
		field("decision", fmt.Sprintf("%s %s: %s", d.Position, shortName(d.By), d))
	}
	for _, a := range in.Approvals {
		field("approval", fmt.Sprintf("%s %s: %s", a.Position, shortName(a.By), a))
	}
	for _, c := range in.Claims {
		field("claim", fmt.Sprintf("%s %s: %s", c.Position, shortName(c.By), c))
	}
	for _, o := range in.Outcomes {
		field("outcome", fmt.Sprintf("%s %s: %s", o.Position, shortName(o.By), o))
	}
	return b.String()
}

// String is the link in words.
func (l Link) String() string {
	signed := "signed"
	if !l.Signed {
		signed = "NOT SIGNED by its delegator"
	}
	return fmt.Sprintf("by %s to %s for %s until %s, %s", shortName(l.Delegator), shortName(l.Delegate),
		clean(strings.Join(l.Tools, ", "), maxWord), l.Expires.Format(timeLayout), signed)
}

// String is the vote in words.
func (d Decision) String() string {
	text := strings.TrimSpace(d.Verdict + " " + strings.Join(d.Reasons, ", "))
	if len(d.Policies) > 0 {
		text += " (" + clean(strings.Join(d.Policies, ", "), maxWord) + ")"
	}
	if d.Round > 0 {
		text += " in round " + strconv.FormatUint(uint64(d.Round), 10)
	}
	text += fmt.Sprintf(", release %d", d.Release)
	switch {
	case d.Stray:
		text += ", counts for nothing"
	case d.Quorum:
		text += ", quorum"
	}
	return text
}

// String is the answer in words.
func (a Approval) String() string {
	text := "no"
	if a.Approve {
		text = "yes"
	}
	if a.Note != "" {
		text += fmt.Sprintf(" %q", clean(a.Note, maxPhrase))
	}
	return text
}

// String is the ruling in words.
func (c Claim) String() string {
	if c.Valid {
		return "valid"
	}
	return "void: " + c.Void
}

// String is the report in words.
func (o Outcome) String() string {
	text := o.Status + " under claim " + o.Claim
	if o.Reason != "" {
		text += ", " + o.Reason
	}
	switch {
	case o.Rogue:
		text += " (rogue: no valid claim stands for it)"
	case o.Repeats:
		text += " (again)"
	}
	return text
}

func (in Intent) session() string {
	if in.Session == "" {
		return ""
	}
	return fmt.Sprintf("%s#%d", clean(in.Session, maxWord), in.Sequence)
}

func (in Intent) asks() string {
	if in.Tool == "" {
		return "(" + in.Defect + ")"
	}
	text := strings.TrimSpace(clean(in.Tool, maxWord) + " " + clean(in.Resource, maxPhrase))
	if in.SealedTo != "" {
		text += " (sealed to " + clean(in.SealedTo, maxWord) + ")"
	}
	return text
}

// row is an intent in columns.
func (in Intent) row() []string {
	row := []string{in.Position, string(in.State), shortName(in.Agent), in.session(), in.asks()}
	if why := in.why(); why != "" {
		row = append(row, why)
	}
	return row
}

// why is the reasons why it was not executed.
func (in Intent) why() string {
	for _, o := range slices.Backward(in.Outcomes) {
		if o.Reason != "" {
			return o.Reason
		}
	}
	if in.State == StateVoid {
		return in.Claims[len(in.Claims)-1].Void
	}
	for _, d := range slices.Backward(in.Decisions) {
		if d.Quorum && in.Verdict == deny {
			return strings.Join(d.Reasons, ", ")
		}
	}
	return ""
}

// Rows are some intents as people read them, one on each line, in columns.
func Rows(intents []Intent) string {
	rows := make([][]string, len(intents))
	for i, in := range intents {
		rows[i] = in.row()
	}
	return columns(rows)
}

// String is the session as people read it: one line for each intent, and what is
// wrong with how it follows.
func (c Chain) String() string {
	rows := make([][]string, len(c.Links))
	for i, l := range c.Links {
		mark := "│"
		switch l.Follows {
		case FollowsBegins:
			mark = "┌"
		case FollowsContinues:
			mark = "├"
		case FollowsGap, FollowsFork, FollowsRepeats:
			mark = "╳ " + string(l.Follows)
		}
		rows[i] = append([]string{mark}, l.row()...)
	}
	return fmt.Sprintf("session %s of %s\n%s", clean(c.Session, maxWord), clean(c.Agent, maxPhrase), columns(rows))
}

// shortName is an identity without what is the same for all of a zone.
func shortName(spiffeID string) string {
	id, err := trust.ParseIdentity(spiffeID)
	if err != nil {
		return clean(spiffeID, maxWord)
	}
	return id.Name
}

// clean makes what others wrote safe to print: what is not a printable character
// is spelled as an escape, and what is long is cut.
func clean(s string, most int) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) && utf8.RuneCountInString(s) <= most {
		return s
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
