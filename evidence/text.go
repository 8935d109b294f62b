package evidence

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/portcullis-dev/portcullis/core/audit"
)

// How many lines of one kind a person is shown; the JSON form has all.
const (
	shownFindings   = 100
	shownGovernance = 40
	shownClosed     = 20
)

// Text is a report as people read it: what was audited, what was checked, what
// became of every intent, who governed, what was found, and what could not be
// judged.
func Text(r *audit.Report) string {
	t := &text{}
	t.verdict(r)
	t.audited(r)
	t.checked(r)
	t.intents(r)
	t.governance(r)
	t.closed(r)
	t.findings(r)
	t.unjudged(r)
	return t.String()
}

// text lays out rows below headings. What comes from a ledger goes through plain.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

func (t *text) row(name, format string, args ...any) {
	t.line("  %-14s %s", name, fmt.Sprintf(format, args...))
}

func (t *text) heading(format string, args ...any) { t.line("\n"+format, args...) }

// plain makes a text that somebody wrote fit for a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

func plainAll(all []string) string { return plain(strings.Join(all, ", ")) }

// number groups digits: 1,234,567.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (t *text) verdict(r *audit.Report) {
	n := uint64(len(r.Findings)) + r.More
	switch {
	case n > 0:
		t.line("NOT CLEAN: %s", count(n, "finding"))
	case !r.Whole:
		t.line("a range, clean as far as it could be judged: no verdict was derived again")
	case len(r.Unjudged) > 0:
		t.line("clean, as far as could be judged: nothing was found")
	default:
		t.line("clean: nothing was found")
	}
}

func count(n uint64, what string) string {
	if n != 1 {
		what += "s"
	}
	return number(n) + " " + what
}

func (t *text) audited(r *audit.Report) {
	t.heading("audited")
	t.row("ledger", "%s", r.Ledger)
	t.row("zone", "%s of %s", plain(cmp.Or(r.Zone, "-")), plain(cmp.Or(r.TrustDomain, "-")))
	if r.Last == 0 {
		t.row("positions", "none")
		return
	}
	extent := "from genesis on"
	if !r.Whole {
		extent = "a part"
	}
	t.row("positions", "%d to %d, %s", r.First, r.Last, extent)
	t.row("log time", "%s to %s, %s", stamp(r.Begun), stamp(r.Ended), r.Ended.Sub(r.Begun).Round(time.Millisecond))
	t.row("records", "%s", counts(r.Records))
	if len(r.Noise) > 0 {
		t.row("noise", "%s", counts(r.Noise))
	}
}

// counts are numbers by name, largest first.
func counts[N ~string](of map[N]uint64) string {
	names := slices.SortedFunc(maps.Keys(of), func(a, b N) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %s", number(of[name]), plain(string(name))))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

func (t *text) checked(r *audit.Report) {
	t.heading("checked")
	t.row("signatures", "%s, over %s", number(r.Signatures), count(r.Items, "item"))
	if r.Whole {
		t.row("verdicts", "%s derived again; %s compared with them", number(r.Verdicts), count(r.Compared, "recorded decision"))
	} else {
		t.row("verdicts", "none derived again: the records do not begin with genesis")
	}
	if r.Tree.Size > 0 {
		t.row("tree", "%s, root %s", count(r.Tree.Size, "record"), r.Tree.Root)
	}
	for _, c := range r.Tree.Checkpoints {
		cosigned := "cosigned by nobody"
		if len(c.Witnesses) > 0 {
			cosigned = "cosigned by " + plainAll(c.Witnesses)
		}
		if !c.Witnessed {
			cosigned += ", fewer than the release asks for"
		}
		t.row("checkpoint", "fits: the first %s, signed by %s, %s", count(c.Size, "record"), plain(c.Recorder), cosigned)
	}
}

func (t *text) intents(r *audit.Report) {
	t.heading("%s", count(r.Intents, "intent"))
	if r.Intents == 0 {
		return
	}
	for _, state := range audit.States() {
		t.line("  %-14s %12s", state, number(r.Final[state]))
	}
	if r.Open > 0 {
		t.line("  %-14s %12s  their time was not over at the end", "open", number(r.Open))
	}
	if len(r.Void) > 0 {
		t.row("void claims", "%s", counts(r.Void))
	}
}

func (t *text) governance(r *audit.Report) {
	t.heading("%s took effect", count(uint64(len(r.Governance)), "governance record"))
	for _, g := range r.Governance[:min(len(r.Governance), shownGovernance)] {
		t.line("  %8d  %s  epoch %d  %s: %s", g.Position, stamp(g.LogTime), g.Epoch, g.Kind, plain(g.Text))
		if len(g.Signers) > 0 {
			t.line("  %8s  signed by %s", "", plainAll(g.Signers))
		}
	}
	t.more(len(r.Governance), shownGovernance)
}

// more says what a list leaves out.
func (t *text) more(all, shown int) {
	if all > shown {
		t.line("  … and %s more; --format json lists them", number(uint64(all-shown))) //nolint:gosec // positive
	}
}

func (t *text) closed(r *audit.Report) {
	if len(r.Closed) == 0 {
		return
	}
	t.heading("nothing could start")
	for _, c := range r.Closed[:min(len(r.Closed), shownClosed)] {
		until, long := "the end", r.Ended.Sub(c.From)
		if !c.Until.IsZero() {
			until, long = stamp(c.Until), c.Until.Sub(c.From)
		}
		t.line("  %s to %s, %s: %s", stamp(c.From), until, long.Round(time.Millisecond), plain(c.Why))
	}
	t.more(len(r.Closed), shownClosed)
}

func (t *text) findings(r *audit.Report) {
	n := len(r.Findings)
	if n == 0 {
		return
	}
	t.heading("findings")
	for i, f := range r.Findings[:min(n, shownFindings)] {
		where := ""
		if f.Position != "" {
			where = " at " + f.Position
		}
		if !f.LogTime.IsZero() {
			where += ", " + stamp(f.LogTime)
		}
		t.line("  %d. %s%s", i+1, f.Rule, where)
		if f.Subject != "" {
			t.line("     about %s", plain(f.Subject))
		}
		t.line("     %s", plain(f.Detail))
		t.line("     look: %s", look(f))
	}
	t.more(n, shownFindings)
	if r.More > 0 {
		t.line("  %s beyond those that this report lists", count(r.More, "finding"))
	}
}

// look is how to look further into a finding.
func look(f audit.Finding) string {
	seq, _, _ := strings.Cut(f.Position, ".")
	switch {
	case f.Rule == RuleRange:
		return "audit an export of the whole ledger; if a range is what you asked for: portcullis audit --allow-range"
	case f.Rule == audit.RuleExport:
		return "fetch the file again and compare; else export anew"
	case f.Rule == audit.RuleGenesis:
		return "compare the anchor with the one that your governors published"
	case f.Rule == audit.RuleCheckpoint:
		return "compare with what the recorder and the witnesses keep; they have signed for it"
	case f.Position == "":
		return "portcullis tail --from 1 --follow=false"
	case f.Position != seq:
		return "portcullis show " + f.Position
	}
	return "portcullis tail --follow=false --all --from " + seq
}

func (t *text) unjudged(r *audit.Report) {
	if len(r.Unjudged) == 0 {
		return
	}
	t.heading("not judged")
	for _, what := range r.Unjudged {
		t.line("  %s", plain(what))
	}
}
