package zone_test

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/telemetry"
	"github.com/portcullis-dev/portcullis/zone"
)

// metered is a zone that is counted.
type metered struct {
	*live

	meters *telemetry.Meters
}

func meteredOf(t *testing.T) metered {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "fabric"), fabric.Params{
		Clock: time.Now, TrustDomain: "example.test", Zone: "home", Release: edited(t),
	})
	must(t, err)
	w := metered{meters: telemetry.NewMeters()}
	w.live = &live{t: t, fabric: f, config: zone.Config{
		Fabric: f, Logger: slog.New(slog.DiscardHandler), Port: -1, Handlers: handlersOf(nothing), Meters: w.meters,
	}}
	w.open()
	return w
}

// shows waits until the page has lines, and lacks others; by their beginnings.
func (w metered) shows(has, lacks []string) {
	w.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		page := w.page()
		var wrong strings.Builder
		for _, line := range has {
			if !strings.Contains(page, "\n"+line) {
				wrong.WriteString("it lacks " + line + "\n")
			}
		}
		for _, line := range lacks {
			if strings.Contains(page, "\n"+line) {
				wrong.WriteString("it has " + line + "\n")
			}
		}
		if wrong.String() == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s%s", wrong.String(), page)
		}
	}
}

func (w metered) page() string {
	w.t.Helper()
	var now telemetry.Gauges
	w.Gauges(w.t.Context(), &now)
	var b bytes.Buffer
	must(w.t, w.meters.Expose(&b, now))
	return b.String()
}

// TestMetricsOfAZone: what is done is counted by who did it; what is not so any more is
// not said any more.
func TestMetricsOfAZone(t *testing.T) {
	w := meteredOf(t)
	a := w.agent("scout")
	_, err := a.Propose(t.Context(), readFile(20*time.Second))
	must(t, err)
	denied := readFile(20 * time.Second)
	denied.Tool = "no-such-tool"
	if _, err := a.Propose(t.Context(), denied); err == nil {
		t.Fatal("a tool that does not exist was executed")
	}
	w.shows([]string{
		`portcullis_armed{role="enforcer",name="e1"} 1`, `portcullis_armed{role="executor",name="x1"} 1`,
		`portcullis_armed{role="sentinel",name="s1"} 1`, `portcullis_armed{role="recorder",name="r1"} 1`,
		`portcullis_lag_records{role="enforcer",name="e1"} 0`, `portcullis_lag_records{role="executor",name="x1"} 0`,
		`portcullis_ledger_position `, `portcullis_epoch{role="executor",name="x1"} 2`,
		`portcullis_decisions_total{name="e1",verdict="allow"} 1`, `portcullis_decisions_total{name="e1",verdict="deny"} 1`,
		`portcullis_denials_total{name="e1",reason="tool.unknown"} 1`, `portcullis_decision_seconds_count{name="e1"} 2`,
		`portcullis_stage_seconds_count{role="enforcer",name="e1",stage="decide"} 2`,
		`portcullis_stage_seconds_count{role="enforcer",name="e1",stage="record"} 2`,
		`portcullis_stage_seconds_count{role="executor",name="x1",stage="claim"} 1`,
		`portcullis_stage_seconds_count{role="executor",name="x1",stage="start"} 1`,
		`portcullis_stage_seconds_count{role="executor",name="x1",stage="run"} 1`,
		`portcullis_stage_seconds_count{role="executor",name="x1",stage="outcome"} 1`,
		`portcullis_claims_total{name="x1"} 1`, `portcullis_outcomes_total{name="x1",tool="file-read",status="executed"} 1`,
		`portcullis_drift_findings{name="s1",rule="heartbeat.missing",level="trip"} 0`,
		`portcullis_heartbeat_age_seconds{name="s1",role="executor",participant="x1"} `,
	}, []string{`portcullis_pulses_total{name="s1"} 0`, `portcullis_checkpoints_total{name="r1"} 0`})
	if page := w.page(); strings.Contains(page, "scout") || strings.Contains(page, "no-such-tool") {
		t.Errorf("a label that an agent chose:\n%s", page)
	}
	w.Stop(pb.Role_ROLE_SENTINEL, "s1")
	w.shows([]string{`portcullis_armed{role="executor",name="x1"} 0`, `portcullis_armed{role="enforcer",name="e1"} 1`}, []string{`portcullis_armed{role="sentinel"`})
}

// TestLookWithoutBroker: nobody is ready whose ledger cannot be reached, each says why,
// and the length of a ledger that nobody can ask for is not made up.
func TestLookWithoutBroker(t *testing.T) {
	w := meteredOf(t)
	for _, p := range w.Look(t.Context()) {
		if !p.Able || p.Why != "" {
			t.Errorf("%s %s: %s", p.Role, p.Name, p.Why)
		}
	}
	w.Broker().Server.Shutdown()
	w.shows([]string{
		`portcullis_armed{role="enforcer",name="e1"} 0`, `portcullis_armed{role="executor",name="x1"} 0`,
		`portcullis_armed{role="sentinel",name="s1"} 0`, `portcullis_armed{role="recorder",name="r1"} 0`,
		`portcullis_position{role="enforcer",name="e1"} `,
	}, []string{"portcullis_ledger_position", "portcullis_lag_records"})
	parts := w.Look(t.Context())
	if len(parts) != len(everybody) {
		t.Errorf("%d parts", len(parts))
	}
	for _, p := range parts {
		if p.Able || p.Why == "" {
			t.Errorf("%s %s: able %t, why %q", p.Role, p.Name, p.Able, p.Why)
		}
	}
}

// TestHaltedIsNotReady: an executor that may do nothing at all is not ready, and says by
// which halt; one that may do something is.
func TestHaltedIsNotReady(t *testing.T) {
	w := meteredOf(t)
	executorIs := func(able bool, says string) {
		t.Helper()
		var last telemetry.Part
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			for _, p := range w.Look(t.Context()) {
				if p.Name == "x1" {
					last = p
				}
			}
			if last.Able == able && strings.Contains(last.Why, says) {
				return
			}
		}
		t.Fatalf("the executor is %+v, want able %v because of %q", last, able, says)
	}
	executorIs(true, "")
	w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "file-write"))
	executorIs(true, "")
	w.govern(halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	executorIs(false, "everything is halted")
}
