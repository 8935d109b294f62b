package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// statusText is a status as people read it.
func statusText(s *zone.Status, wide bool) string {
	b := new(strings.Builder)
	if len(s.Unarmed) == 0 {
		b.WriteString("armed\n")
	} else {
		fmt.Fprintf(b, "NOT ARMED: %s\n", strings.Join(s.Unarmed, "; "))
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(b, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	row("ledger", "%s at position %d, newest record %s", s.Ledger.Short(), s.Position, ago(s.At, s.LogTime))
	if s.Release == nil {
		row("release", "none")
		return b.String()
	}
	expires := s.Release.Proto.GetExpires().AsTime()
	row("release", "%d (%s), expires %s", s.Release.Proto.GetVersion(), s.Release.Digest.Short(), expires.Format(time.RFC3339))
	row("epoch", "%d (%s)", s.Head.Number, s.Head.Digest.Short())
	row("halts", "%s", haltsText(s))
	if s.Last.Sequence > 0 {
		row("last halt", "%s", lastText(s))
	}
	row("pulse", "%s", pulseText(s))
	row("evidence", "%s", evidenceText(s))
	row("approvals", "%d waiting", s.Waiting)
	row("drift", "%s", findingsText(s))
	b.WriteString(participantsText(s, wide))
	return b.String()
}

// ago says how old something is; a clock that is behind the other's makes it new.
func ago(now, then time.Time) string { return span(max(now.Sub(then), 0)) + " ago" }

// indented puts several lines below a row's name.
func indented(none string, lines []string) string {
	if len(lines) == 0 {
		return none
	}
	return strings.Join(lines, "\n"+strings.Repeat(" ", 11))
}

func haltsText(s *zone.Status) string {
	var lines []string
	if s.Sealed {
		lines = append(lines, "everything, for good: the ledger is sealed")
	}
	for _, h := range s.Halts {
		lines = append(lines, haltWords(s, h))
	}
	return indented("none", lines)
}

func haltWords(s *zone.Status, h governance.Halt) string {
	what := governance.ScopeString(h.Scope)
	if h.Rule != "" {
		what += fmt.Sprintf(" by trip %s of %s", h.Rule, quoted(h.Subject))
	}
	return fmt.Sprintf("%s %s at %d, %s, %s", h.ID.Short(), what, h.Sequence, ago(s.At, h.Time), quoted(h.Reason))
}

func lastText(s *zone.Status) string {
	state := "lifted"
	switch {
	case s.Last.Drill:
		state = "it stopped nothing"
	case s.InForce(s.Last.ID):
		state = "in force"
	}
	return haltWords(s, s.Last.Halt) + ", " + state
}

func pulseText(s *zone.Status) string {
	if s.Pulse.Seq == 0 {
		return fmt.Sprintf("none in the last %s", span(zone.PulseBack))
	}
	text := fmt.Sprintf("%s at %d, %s, limit %s", s.Pulse.By.Name, s.Pulse.Seq, ago(s.At, s.Pulse.Time), span(s.Release.Bounds.PulseLimit))
	if s.Pulse.Fault != nil {
		text += ": " + s.Pulse.Fault.Error()
	}
	return text
}

// evidenceText shows the last checkpoint whatever it is worth, and says first what
// that is: only what is covered now has no word before it.
func evidenceText(s *zone.Status) string {
	e := s.Evidence
	if e.State == zone.EvidenceNone {
		return "NONE: " + e.Why
	}
	text := "no checkpoint was seen"
	if e.Checkpoint.Size > 0 {
		text = fmt.Sprintf("checkpoint of %s by %s, %s; %d not covered", plural(int(e.Checkpoint.Size), "record"), //nolint:gosec // for people
			e.Checkpoint.Recorder, ago(s.At, e.Stored), e.Uncovered)
	}
	if e.Witnesses > 0 && e.Heard != "" {
		text += fmt.Sprintf("; cosigned by %d of %d, %d must", e.Cosigned, e.Witnesses, e.Needed)
	}
	if e.State == zone.EvidenceCovered {
		return text
	}
	return fmt.Sprintf("%s: %s; %s", strings.ToUpper(string(e.State)), shown([]byte(e.Why), 3*maxReason), text)
}

func findingsText(s *zone.Status) string {
	var lines []string
	for _, f := range s.Findings {
		lines = append(lines, fmt.Sprintf("%-4s %s of %s: %s; for %s, says %s %s", levelName(f.GetLevel()), f.GetRule(), quoted(f.GetSubject()),
			quoted(f.GetDetail()), span(max(s.At.Sub(f.GetSince().AsTime()), 0)), f.By.Name, ago(s.At, f.Beat)))
	}
	return indented("no finding", lines)
}

func levelName(l pb.Level) string { return strings.ToLower(strings.TrimPrefix(l.String(), "LEVEL_")) }

// participantsText is one line for each, with what differs from what is in force.
func participantsText(s *zone.Status, wide bool) string {
	var b strings.Builder
	for _, p := range s.Participants {
		fmt.Fprintf(&b, "%-10s %-12s %s\n", trust.RoleName(p.ID.Role), p.ID.Name, participantText(s, p))
		if wide && p.Beat != nil {
			fmt.Fprintf(&b, "%-10s %-12s incarnation %s  build %s  config %s\n", "", "",
				hexShort(p.Beat.GetIncarnation()), hexShort(p.Beat.GetBuildDigest()), hexShort(p.Beat.GetConfigDigest()))
		}
	}
	return b.String()
}

func participantText(s *zone.Status, p zone.Participant) string {
	if p.Beat == nil {
		return "silent: nothing was heard"
	}
	text := fmt.Sprintf("%s, heard %s, folded to %d", stateOf(p), ago(s.At, p.Heard), p.Beat.GetPosition())
	if p.Behind > 0 {
		text += fmt.Sprintf(" (%d behind)", p.Behind)
	}
	if p.ID.Role == pb.Role_ROLE_EXECUTOR {
		text += ", " + running(p.Beat)
	}
	if e := p.Beat.GetEpoch(); e != s.Head.Number {
		text += fmt.Sprintf(", in epoch %d", e)
	}
	if release, _ := trust.DigestFrom(p.Beat.GetRelease()); release != s.Release.Digest {
		text += ", on release " + release.Short()
	}
	return text
}

// stateOf is a participant's state, with the reason.
func stateOf(p zone.Participant) string {
	if why := p.Why(); why != "" {
		return p.State() + ": " + shown([]byte(why), 2*maxReason)
	}
	return p.State()
}

func hexShort(b []byte) string { return hex.EncodeToString(b[:min(len(b), 4)]) }
