package telemetry

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// page is what meters expose, without what the library says of the process.
func page(t *testing.T, m *Meters, now Gauges) []string {
	t.Helper()
	var b bytes.Buffer
	if err := m.Expose(&b, now); err != nil {
		t.Fatal(err)
	}
	var ours []string
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, "portcullis_") {
			ours = append(ours, strings.TrimSuffix(line, "\n"))
		}
	}
	return ours
}

func wantLines(t *testing.T, page []string, want ...string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(page, line) {
			t.Errorf("the page lacks %q", line)
		}
	}
}

// TestCounted: what a zone does is on the page, by closed sets of labels.
func TestCounted(t *testing.T) {
	m := NewMeters()
	e := m.Enforcer("e1")
	e.Decided(&pb.Decision{Verdict: pb.Verdict_VERDICT_ALLOW}, time.Millisecond)
	e.Decided(&pb.Decision{Reasons: []pb.Reason{pb.Reason_REASON_TOOL_UNKNOWN, pb.Reason_REASON_SESSION_GAP}}, -time.Second)
	e.Decided(&pb.Decision{Reasons: []pb.Reason{pb.Reason_REASON_APPROVAL_PENDING}}, time.Hour)
	e.Decided(&pb.Decision{Reasons: []pb.Reason{99999}}, 0)
	e.Folded(time.Unix(1, 0), time.Unix(0, 0), 20*time.Microsecond)
	x := m.Executor("x1", []string{"file-read"})
	x.Concluded("file-read", pb.Status_STATUS_EXECUTED, 0)
	x.Concluded("retired-tool", pb.Status_STATUS_ABANDONED, pb.Reason_REASON_START_LATE)
	x.Void(pb.Reason_REASON_CLAIM_NO_PULSE)
	x.Took(StageRun, 7*time.Millisecond)
	x.Took("no stage", time.Second)
	m.Witness().Answered(409)
	m.Sentinel("s1").Heard(trust.Identity{Role: pb.Role_ROLE_EXECUTOR, Name: "x1"}, time.Now().Add(-time.Hour))
	m.Sentinel("s1").Heard(trust.Identity{Role: pb.Role_ROLE_EXECUTOR, Name: "x1"}, time.Now().Add(time.Hour)) // a clock that was set back
	var now Gauges
	now.Flag(Armed, true, "role", "enforcer", "name", "e1")
	now.Flag(Armed, false, "role", "executor", "name", "x1")
	now.Set("portcullis_nobody_knows", 1)
	got := page(t, m, now)
	wantLines(t, got,
		"# TYPE portcullis_decisions_total counter",
		`portcullis_decisions_total{name="e1",verdict="allow"} 1`,
		`portcullis_decisions_total{name="e1",verdict="deny"} 2`,
		`portcullis_decisions_total{name="e1",verdict="pending"} 1`,
		`portcullis_denials_total{name="e1",reason="tool.unknown"} 1`,
		`portcullis_denials_total{name="e1",reason="session.gap"} 1`,
		`portcullis_denials_total{name="e1",reason="approval.pending"} 1`,
		`portcullis_denials_total{name="e1",reason="other"} 1`,
		`portcullis_denials_total{name="e1",reason="agent.revoked"} 0`,
		"# TYPE portcullis_decision_seconds histogram",
		`portcullis_decision_seconds_bucket{name="e1",le="0.001"} 3`,
		`portcullis_decision_seconds_bucket{name="e1",le="30"} 3`,
		`portcullis_decision_seconds_bucket{name="e1",le="+Inf"} 4`,
		`portcullis_stage_seconds_count{role="enforcer",name="e1",stage="read"} 1`,
		`portcullis_stage_seconds_bucket{role="enforcer",name="e1",stage="decide",le="5e-05"} 1`,
		`portcullis_stage_seconds_bucket{role="executor",name="x1",stage="run",le="0.01"} 1`,
		`portcullis_outcomes_total{name="x1",tool="file-read",status="executed"} 1`,
		`portcullis_outcomes_total{name="x1",tool="other",status="abandoned"} 1`,
		`portcullis_failures_total{name="x1",reason="start.late"} 1`,
		`portcullis_void_claims_total{name="x1",reason="claim.no_pulse"} 1`,
		`portcullis_witness_answers_total{status="409"} 1`,
		`portcullis_heartbeat_age_seconds{name="s1",role="executor",participant="x1"} 0`,
		`portcullis_armed{role="enforcer",name="e1"} 1`,
		`portcullis_armed{role="executor",name="x1"} 0`,
	)
	for _, line := range got {
		if strings.Contains(line, "retired-tool") || strings.Contains(line, "nobody_knows") || strings.Contains(line, "no stage") {
			t.Errorf("a label or a family from outside the table: %q", line)
		}
	}
	if twice := repeated(got); twice != "" {
		t.Errorf("the page has this line twice: %q", twice)
	}
}

func repeated(lines []string) string {
	seen := map[string]bool{}
	for _, line := range lines {
		if seen[line] {
			return line
		}
		seen[line] = true
	}
	return ""
}

// TestEveryReasonHasALabel: the closed sets are complete, so that a reason that comes
// for the first time is a rise from zero.
func TestEveryReasonHasALabel(t *testing.T) {
	m := NewMeters()
	m.Enforcer("e1")
	m.Executor("x1", []string{"t"})
	got := page(t, m, Gauges{})
	for _, r := range schemas.Reasons() {
		if r < pb.Reason_REASON_PAYLOAD_MALFORMED {
			continue // of noise, which nobody decides
		}
		n := 0
		for _, line := range got {
			if strings.Contains(line, `reason="`+schemas.ReasonCode(r)+`"`) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s stands on the page %d times, want once", schemas.ReasonCode(r), n)
		}
	}
}

// TestAgainIsTheSameMeter: a part that is started again in one process counts on.
func TestAgainIsTheSameMeter(t *testing.T) {
	m := NewMeters()
	for range 2 {
		m.Enforcer("e1").Decided(&pb.Decision{Verdict: pb.Verdict_VERDICT_ALLOW}, 0)
		m.Executor("x1", []string{"t"}).Concluded("t", pb.Status_STATUS_EXECUTED, 0)
		m.Sentinel("s1").Heard(trust.Identity{Role: pb.Role_ROLE_EXECUTOR, Name: "x1"}, time.Now())
	}
	wantLines(t, page(t, m, Gauges{}), `portcullis_decisions_total{name="e1",verdict="allow"} 2`, `portcullis_outcomes_total{name="x1",tool="t",status="executed"} 2`)
}

// TestNobodyCounts: meters that are not there do nothing, and do not panic.
func TestNobodyCounts(*testing.T) {
	var m *Meters
	m.Enforcer("e1").Decided(&pb.Decision{}, 0)
	m.Enforcer("e1").Folded(time.Time{}, time.Time{}, 0)
	m.Enforcer("e1").Recorded(0)
	m.Executor("x1", nil).Concluded("t", pb.Status_STATUS_FAILED, 0)
	m.Executor("x1", nil).Took(StageRun, 0)
	m.Executor("x1", nil).Void(0)
	m.Sentinel("s1").Heard(trust.Identity{}, time.Time{})
	m.Witness().Answered(200)
}

// TestLabelsAreQuoted: no name can look like another series.
func TestLabelsAreQuoted(t *testing.T) {
	got := series("f", "a", "x\"} 1\nf{a=\"y\\", "b", "é")
	if want := `f{a="x\"} 1\nf{a=\"y\\",b="é"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFamiliesAreSound: names, types and help are what Prometheus expects, and
// histograms are known as such.
func TestFamiliesAreSound(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Families() {
		if seen[f.Name] || !strings.HasPrefix(f.Name, "portcullis_") || f.Help == "" || strings.ContainsAny(f.Help, "\\\n|") {
			t.Errorf("%+v: a second one of this name, or not as the page needs it", f)
		}
		seen[f.Name] = true
		if (f.Type == counter) != strings.HasSuffix(f.Name, "_total") {
			t.Errorf("%s: a %s", f.Name, f.Type)
		}
		if (f.Type == histogram) != histograms[f.Name] {
			t.Errorf("%s: a %s; the table of histograms says otherwise", f.Name, f.Type)
		}
	}
}

// TestCountingAllocatesNothing: it stands in the way of every intent.
func TestCountingAllocatesNothing(t *testing.T) {
	m := NewMeters()
	e, x, s := m.Enforcer("e1"), m.Executor("x1", []string{"t"}), m.Sentinel("s1")
	denied := &pb.Decision{Reasons: []pb.Reason{pb.Reason_REASON_TOOL_UNKNOWN}}
	from, now := trust.Identity{Role: pb.Role_ROLE_EXECUTOR, Name: "x1"}, time.Now()
	s.Heard(from, now)
	if n := testing.AllocsPerRun(100, func() {
		e.Folded(now, now, time.Millisecond)
		e.Decided(denied, time.Millisecond)
		e.Recorded(time.Millisecond)
		x.Took(StageRun, time.Millisecond)
		x.Concluded("t", pb.Status_STATUS_FAILED, pb.Reason_REASON_RUN_FAILED)
		x.Void(pb.Reason_REASON_CLAIM_NO_PULSE)
		s.Heard(from, now)
	}); n > 0 {
		t.Errorf("%v allocations for one intent", n)
	}
}
