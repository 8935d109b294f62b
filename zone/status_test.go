package zone

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// aRelease is a release of which two of three enforcers must agree.
func aRelease(t *testing.T) *governance.Release {
	t.Helper()
	f, err := fabric.Create(filepath.Join(t.TempDir(), "data"), fabric.Params{TrustDomain: "example.test", Zone: "home", Clock: time.Now, Enforcers: 3, K: 2})
	if err != nil {
		t.Fatal(err)
	}
	release, err := f.Release()
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// wellStatus is a status of a zone in which all is well.
func wellStatus(release *governance.Release) Status {
	now := time.Now()
	s := Status{At: now, LogTime: now, Release: release, Pulse: Pulse{Pulse: ledger.Pulse{Seq: 9, Time: now}}}
	for _, p := range []trust.Identity{
		someone(pb.Role_ROLE_ENFORCER, "e1"), someone(pb.Role_ROLE_ENFORCER, "e2"), someone(pb.Role_ROLE_ENFORCER, "e3"),
		someone(pb.Role_ROLE_EXECUTOR, "x1"), someone(pb.Role_ROLE_SENTINEL, "s1"),
	} {
		s.Participants = append(s.Participants, Participant{ID: p, Heard: now, Beat: &pb.Heartbeat{Started: true}})
	}
	return s
}

// TestUnarmed: each thing without which nothing is done unarms the fabric, and
// nothing else does.
func TestUnarmed(t *testing.T) {
	release := aRelease(t)
	participant := func(s *Status, name string) *Participant {
		i := slices.IndexFunc(s.Participants, func(p Participant) bool { return p.ID.Name == name })
		return &s.Participants[i]
	}
	halted := func(kind pb.ScopeKind) func(*Status) {
		return func(s *Status) { s.Halts = []governance.Halt{{Scope: &pb.Scope{Kind: kind, Value: "home"}}} }
	}
	for name, test := range map[string]struct {
		change func(*Status)
		why    string // "" for armed
	}{
		"all is well":            {func(*Status) {}, ""},
		"one enforcer of three":  {func(s *Status) { participant(s, "e3").Silent = true }, ""},
		"a tool is halted":       {halted(pb.ScopeKind_SCOPE_KIND_TOOL), ""},
		"an agent is halted":     {halted(pb.ScopeKind_SCOPE_KIND_AGENT), ""},
		"a session is halted":    {halted(pb.ScopeKind_SCOPE_KIND_SESSION), ""},
		"halted":                 {halted(pb.ScopeKind_SCOPE_KIND_GLOBAL), "halted: global"},
		"the zone is halted":     {halted(pb.ScopeKind_SCOPE_KIND_ZONE), "halted: zone:home"},
		"halted by a later kind": {halted(99), "halted: global"},
		"no release":             {func(s *Status) { s.Release = nil }, "no release is in force"},
		"expired":                {func(s *Status) { s.At = s.At.Add(3 * 365 * 24 * time.Hour); s.Pulse.Time = s.At }, "release 1 is not valid now"},
		"expired by log time":    {func(s *Status) { s.LogTime = s.At.Add(3 * 365 * 24 * time.Hour); s.Pulse.Time = s.LogTime }, "release 1 is not valid now"},
		"no pulse":               {func(s *Status) { s.Pulse = Pulse{} }, "no pulse was seen"},
		"an old pulse":           {func(s *Status) { s.Pulse.Time = s.At.Add(-time.Minute) }, "too old"},
		"a pulse old by log":     {func(s *Status) { s.LogTime = s.At.Add(2500 * time.Millisecond) }, "too old"},
		"a pulse elsewhere":      {func(s *Status) { s.Pulse.Fault = errors.New("lineage break") }, "lineage break"},
		"too few enforcers":      {func(s *Status) { participant(s, "e1").Silent, participant(s, "e2").Silent = true, true }, "1 enforcer ready, 2 needed"},
		"the executor disarmed":  {func(s *Status) { participant(s, "x1").Beat.Disarmed = "no pulse" }, "0 executor ready"},
		"the executor starts":    {func(s *Status) { participant(s, "x1").Beat.Started = false }, "0 executor ready"},
		"the executor revoked":   {func(s *Status) { participant(s, "x1").Fault = "noise.revoked" }, "0 executor ready"},
		"the sentinel unheard":   {func(s *Status) { participant(s, "s1").Beat = nil }, "0 sentinel ready"},
		"nobody is expected":     {func(s *Status) { s.Participants = nil }, "0 enforcer ready, 2 needed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := wellStatus(release)
			test.change(&s)
			why := strings.Join(s.unarmed(), "; ")
			if test.why == "" && why != "" || !strings.Contains(why, test.why) {
				t.Errorf("unarmed: %q, want %q", why, test.why)
			}
		})
	}
}

// TestParticipantStates: silence outweighs whatever was said before it.
func TestParticipantStates(t *testing.T) {
	armed := &pb.Heartbeat{Started: true}
	for want, p := range map[string]Participant{
		"silent":   {Beat: armed, Silent: true, Fault: "noise.revoked"},
		"ignored":  {Beat: armed, Fault: "noise.revoked"},
		"disarmed": {Beat: &pb.Heartbeat{Disarmed: "no pulse"}},
		"starting": {Beat: &pb.Heartbeat{}},
		"armed":    {Beat: armed},
	} {
		if got := p.State(); got != want || (p.Why() != "") != (want == "ignored" || want == "disarmed") {
			t.Errorf("%s (%q), want %s", got, p.Why(), want)
		}
	}
	if state := (Participant{}).State(); state != "silent" {
		t.Errorf("the zero participant is %s", state)
	}
}

// TestFindings come worst first, and from those only who are heard and count.
func TestFindings(t *testing.T) {
	finding := func(level pb.Level, subject string) *pb.Finding {
		return &pb.Finding{Rule: "heartbeat.missing", Level: level, Subject: subject}
	}
	beat := &pb.Heartbeat{Findings: []*pb.Finding{finding(pb.Level_LEVEL_WARN, "e1"), finding(pb.Level_LEVEL_TRIP, "e2")}}
	s := Status{Findings: findings([]Participant{
		{ID: someone(pb.Role_ROLE_SENTINEL, "s1"), Beat: beat}, {Beat: beat, Silent: true}, {Beat: beat, Fault: "noise.revoked"},
	})}
	if len(s.Findings) != 2 || s.Findings[0].GetSubject() != "e2" || s.Findings[1].GetSubject() != "e1" {
		t.Fatalf("findings: %v", s.Findings)
	}
	for subject, want := range map[string]int{"e1": 0, "e2": 1, "e3": 0} { // a warning does not trip again
		lifted := []governance.Halt{{Rule: "heartbeat.missing", Subject: subject}, {Rule: "clock.skew", Subject: "e2"}, {}}
		if again := s.StillTripping(lifted); len(again) != want {
			t.Errorf("%s: %v", subject, again)
		}
	}
}
