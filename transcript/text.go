package transcript

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Where is the position as people read it: a bare sequence where the record is
// no list.
func (l Line) Where() string {
	switch l.Kind {
	case schemas.KindIntent.String(), schemas.KindDecision.String(), schemas.KindClaim.String(), schemas.KindOutcome.String():
		return l.Position.String()
	default:
		return strconv.FormatUint(l.Position.Seq, 10)
	}
}

// Who is the names of the signers, without what is the same for all of a zone;
// "-" if nobody signed.
func (l Line) Who() string {
	if len(l.By) == 0 {
		return "-"
	}
	names := make([]string, len(l.By))
	for i, id := range l.By {
		names[i] = shortName(id)
	}
	return strings.Join(names, "+")
}

func shortName(spiffeID string) string {
	id, err := trust.ParseIdentity(spiffeID)
	if err != nil {
		return clean(spiffeID, maxWord)
	}
	return id.Name
}

// String is the line as people read it, in columns; when is the column for the
// log time, left out if it is empty.
func (l Line) String() string { return l.Columns("") }

// Columns is String with a column for the log time as the caller spells it.
func (l Line) Columns(when string) string {
	if when != "" {
		when += "  "
	}
	return fmt.Sprintf("%6s  %s%-10s  %-8s  %s", l.Where(), when, l.Kind, l.Who(), l.Text())
}

// Text is the story of the line in words. It holds no control characters,
// whatever its authors wrote.
func (l Line) Text() string {
	switch {
	case l.Intent != nil:
		return l.Intent.text(l.By)
	case l.Decision != nil:
		return l.Decision.text()
	case l.Claim != nil:
		return l.Claim.text()
	case l.Outcome != nil:
		return l.Outcome.text()
	case l.Governance != nil:
		return l.Governance.text()
	case l.Credential != nil:
		return l.Credential.Role + ", key " + short(l.Credential.KeyID)
	case l.Approval != nil:
		return l.Approval.text()
	case l.Pulse != nil:
		return l.Pulse.text()
	case l.Noise != nil:
		return l.Noise.text()
	default:
		return ""
	}
}

func (a *Approval) text() string {
	text := "refuses intent " + short(a.Digest)
	if a.Approve {
		text = "approves intent " + short(a.Digest)
	}
	if a.Note != "" {
		text += fmt.Sprintf(" %q", clean(a.Note, maxPhrase))
	}
	return text
}

func (in *Intent) text(by []string) string {
	var b strings.Builder
	if in.Tool == "" {
		return "unreadable: " + in.Defect
	}
	fmt.Fprintf(&b, "→ %s %s", in.Tool, clean(in.Resource, maxPhrase))
	if in.Evaluation {
		b.WriteString(", for a decision only")
	}
	if len(by) != 1 || by[0] != in.Agent {
		b.WriteString(", in the name of " + shortName(in.Agent))
	}
	if in.Resends != nil {
		b.WriteString(", the same as " + in.Resends.String())
	}
	if in.Defect != "" {
		b.WriteString(", " + in.Defect)
	}
	return b.String()
}

func (d *Decision) text() string {
	if d.Verdict == "" {
		return "counts for nothing: " + d.Defect
	}
	return d.said() + d.count()
}

// said is the verdict without the votes for it.
func (d *Decision) said() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", d.Verdict, d.Intent)
	if len(d.Reasons) > 0 {
		b.WriteString(" " + strings.Join(d.Reasons, ", "))
	}
	if d.byPolicy() {
		b.WriteString(" by " + clean(strings.Join(d.Policies, ", "), maxPhrase))
	}
	if d.Round > 0 {
		fmt.Fprintf(&b, " in round %d", d.Round)
	}
	return b.String()
}

// byPolicy reports whether the policies that the decision names are what it
// rests on: on a denial they are not when they would have permitted.
func (d *Decision) byPolicy() bool {
	forbids := schemas.ReasonCode(pb.Reason_REASON_POLICY_FORBIDDEN)
	return len(d.Policies) > 0 && (d.Verdict == allow || slices.Contains(d.Reasons, forbids))
}

// count says how the vote stands, where one vote is not all.
func (d *Decision) count() string {
	switch {
	case d.Defect != "":
		return " (counts for nothing: " + clean(d.Defect, maxPhrase) + ")"
	case d.Differs:
		return " (differs)"
	case d.Quorum && d.Needed > 1:
		return fmt.Sprintf(" (%d of %d: quorum)", d.Votes, d.Needed)
	case d.Quorum:
		return ""
	case d.Votes < d.Needed:
		return fmt.Sprintf(" (%d of %d)", d.Votes, d.Needed)
	default:
		return " (agrees)"
	}
}

func (c *Claim) text() string {
	switch {
	case c.Unknown:
		return "claims " + c.Intent.String() + " (told too late to rule on it)"
	case c.Valid:
		return "claims " + c.Intent.String() + ": valid"
	case c.Digest == "":
		return "void: " + c.Void
	default:
		return "claims " + c.Intent.String() + ": void: " + c.Void
	}
}

func (o *Outcome) text() string {
	if o.Status == "" {
		return "says nothing: " + o.Defect
	}
	text := o.Status + " under claim " + o.Claim.String()
	if o.Reason != "" {
		text += ", " + o.Reason
	}
	switch {
	case o.Rogue:
		text += " (outcome.rogue: no valid claim stands for it)"
	case o.Repeats:
		text += " (again)"
	}
	return text
}

func (g *Governance) text() string {
	parts := []string{g.Record}
	switch {
	case g.Number > 0:
		parts = append(parts, strconv.FormatUint(g.Number, 10))
	case g.Whom != "":
		parts = append(parts, clean(g.Whom, maxPhrase))
	}
	for _, id := range g.Halts {
		parts = append(parts, "of "+short(id))
	}
	for _, word := range []string{g.Rule, g.Scope} {
		if word != "" {
			parts = append(parts, clean(word, maxPhrase))
		}
	}
	if g.Reason != "" {
		parts = append(parts, `"`+clean(g.Reason, maxPhrase)+`"`)
	}
	return strings.Join(parts, " ") + fmt.Sprintf(" (epoch %d)", g.Epoch)
}

func (p *Pulse) text() string {
	text := fmt.Sprintf("#%d in epoch %d", p.Counter, p.Epoch)
	if p.Fault != "" {
		text += ": " + p.Fault
	}
	return text
}

func (n *Noise) text() string {
	where := "on " + clean(n.Subject, maxWord)
	if n.Subject == "" {
		where = "with headers of its own"
	}
	return fmt.Sprintf("%s %s: %s", n.Reason, where, clean(n.Detail, maxPhrase))
}

// short is the first digits of a digest, for people.
func short(digest string) string {
	d, err := trust.ParseDigest(digest)
	if err != nil {
		return clean(digest, maxWord)
	}
	return d.Short()
}

// Most runes of what others wrote in one line.
const (
	maxWord   = 80
	maxPhrase = 160
)

// clean makes what others wrote safe to print: what is not a printable
// character is spelled as an escape, and what is long is cut.
func clean(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
			continue
		case unicode.Is(unicode.Zs, r): // spaces of other kinds
			b.WriteByte(' ')
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
