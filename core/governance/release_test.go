package governance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func logKey(size int) *pb.LogKey {
	return &pb.LogKey{Algorithm: pb.LogKeyAlgorithm_LOG_KEY_ALGORITHM_ED25519, PublicKey: make([]byte, size)}
}

func recording(keys ...*pb.LogKey) func(*pb.Release) {
	return func(p *pb.Release) {
		p.Directory = append(p.Directory, &pb.Identity{Name: "log", Role: pb.Role_ROLE_RECORDER, LogKeys: keys})
	}
}

func TestReleaseRefused(t *testing.T) {
	zero, negative := int64(0), int64(-1)
	limit := func(l *pb.Limit) func(*pb.Release) {
		if l.Window == nil {
			l.Window = durationpb.New(time.Minute)
		}
		return func(p *pb.Release) { p.Limits = append(p.Limits, l) }
	}
	bound := func(change func(*pb.Bounds)) func(*pb.Release) { return func(p *pb.Release) { change(p.GetBounds()) } }
	pay := func(change func(*pb.Attribute)) func(*pb.Release) {
		return func(p *pb.Release) {
			change(p.GetTools()[1].GetArguments()[0])
			limit(&pb.Limit{Id: "l", Tools: []string{"pay"}, Argument: "amount"})(p)
		}
	}
	tests := []struct {
		name, want string
		change     func(*pb.Release)
	}{
		{"governor's name twice", "stands twice", func(p *pb.Release) {
			p.Governors = append(p.Governors, &pb.Governor{Name: "g0", PublicKey: trusttest.Governor(1).Public().Bytes()})
		}},
		{"governor's key twice", "stands twice", func(p *pb.Release) {
			p.Governors = append(p.Governors, &pb.Governor{Name: "g1", PublicKey: trusttest.Governor(0).Public().Bytes()})
		}},
		{"governor without key", "32 bytes", func(p *pb.Release) { p.Governors[0].PublicKey = nil }},
		{"release threshold out of reach", "thresholds", func(p *pb.Release) { p.Thresholds.Release = 2 }},
		{"resume threshold out of reach", "thresholds", func(p *pb.Release) { p.Thresholds.Resume = 2 }},
		{"release threshold 0", "thresholds", func(p *pb.Release) { p.Thresholds.Release = 0 }},
		{"resume threshold 0", "thresholds", func(p *pb.Release) { p.Thresholds.Resume = 0 }},
		{"no issuer", "issuer", func(p *pb.Release) { p.Issuers = nil }},
		{"garbage for an issuer", "issuer 0", func(p *pb.Release) { p.Issuers[0] = []byte("x") }},
		{"tool twice", "tool read", func(p *pb.Release) { p.Tools[1].Name = "read" }},
		{"action twice", `action "read"`, func(p *pb.Release) { p.Tools[1].Action = "read" }},
		{"run limit 0", "run_limit", func(p *pb.Release) { p.Tools[0].RunLimit = durationpb.New(0) }},
		{"run limit below 0", "run_limit", func(p *pb.Release) { p.Tools[0].RunLimit = durationpb.New(-1) }},
		{"name twice", "the name alice stands twice", func(p *pb.Release) { p.Directory[1].Name = "alice" }},
		{"name twice in two roles", "the name alice stands twice", func(p *pb.Release) { p.Directory[3].Name = "alice" }},
		{"rank twice", "rank 0", func(p *pb.Release) { p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_ENFORCER, "e2")) }},
		{"unknown tool granted", `tool "write"`, func(p *pb.Release) { p.Directory[0].Tools = []string{"write"} }},
		{"too few enforcers", "decision_threshold 2", func(p *pb.Release) { p.DecisionThreshold = 2 }},
		{"decision threshold 0", "decision_threshold 0", func(p *pb.Release) { p.DecisionThreshold = 0 }},
		{"log keys of whoever records nothing", "only recorders", func(p *pb.Release) { p.Directory[0].LogKeys = []*pb.LogKey{logKey(32)} }},
		{"a verifier of whoever witnesses nothing", "only witnesses", func(p *pb.Release) { p.Directory[0].Verifier = "w+00000000+AA==" }},
		{"a log key of another size", "Ed25519 has 32", recording(logKey(31))},
		{"two log keys of one algorithm", "two log_keys", recording(logKey(32), logKey(32))},
		{"a verifier that is none", "no C2SP verifier key", func(p *pb.Release) {
			p.Directory = append(p.Directory, &pb.Identity{Name: "w1", Role: pb.Role_ROLE_WITNESS, Verifier: "w1"})
		}},
		{"sealing key twice", "sealing key k stands twice", func(p *pb.Release) {
			p.SealingKeys = []*pb.SealingKey{{Id: "k", PublicKey: make([]byte, 32)}, {Id: "k", PublicKey: make([]byte, 32)}}
		}},
		{"sealing key of another size", "X25519", func(p *pb.Release) { p.SealingKeys = []*pb.SealingKey{{Id: "k", PublicKey: make([]byte, 31)}} }},
		{"more cosignatures than witnesses", "witness_threshold 1", func(p *pb.Release) { p.WitnessThreshold = 1 }},
		{"limit twice", "limit l stands twice", func(p *pb.Release) {
			limit(&pb.Limit{Id: "l"})(p)
			limit(&pb.Limit{Id: "l"})(p)
		}},
		{"limit's window 0", "window", limit(&pb.Limit{Id: "l", Window: durationpb.New(0)})},
		{"limit's window beyond memory", "window", limit(&pb.Limit{Id: "l", Window: durationpb.New(time.Hour + 1)})},
		{"limit on an unknown tool", `tool "write"`, limit(&pb.Limit{Id: "l", Tools: []string{"write"}})},
		{"limit on an argument that one tool lacks", "tool read must declare", limit(&pb.Limit{Id: "l", Argument: "amount"})},
		{"limit on a text", "required LONG", limit(&pb.Limit{Id: "l", Tools: []string{"read"}, Argument: "path"})},
		{"limit on an optional argument", "required LONG", pay(func(a *pb.Attribute) { a.Required = false })},
		{"limit on an unbounded argument", "required LONG", pay(func(a *pb.Attribute) { a.Min = nil })},
		{"limit that can be paid back", "required LONG", pay(func(a *pb.Attribute) { a.Min = &negative })},
		{"expired at once", "not after not_before", func(p *pb.Release) { p.Expires = p.GetNotBefore() }},
		{"memory too long", "bounds.memory", bound(func(b *pb.Bounds) { b.Memory = durationpb.New(31 * 24 * time.Hour) })},
		{"no memory", "bounds.memory", bound(func(b *pb.Bounds) { b.Memory = nil })},
		{"deadline beyond memory", "bounds.max_deadline", bound(func(b *pb.Bounds) { b.MaxDeadline = durationpb.New(time.Hour + 1) })},
		{"no deadline", "bounds.max_deadline", bound(func(b *pb.Bounds) { b.MaxDeadline = nil })},
		{"no start bound", "bounds.start", bound(func(b *pb.Bounds) { b.Start = nil })},
		{"start bound too long", "bounds.start", bound(func(b *pb.Bounds) { b.Start = durationpb.New(time.Minute + 1) })},
		{"no pulse limit", "bounds.pulse_limit", bound(func(b *pb.Bounds) { b.PulseLimit = nil })},
		{"one pulse a limit", "bounds.pulse_interval", bound(func(b *pb.Bounds) { b.PulseInterval = durationpb.New(time.Second + 1) })},
		{"skew below 0", "bounds.max_clock_skew", bound(func(b *pb.Bounds) { b.MaxClockSkew = durationpb.New(-1) })},
		{"no hedge", "bounds.hedge", bound(func(b *pb.Bounds) { b.Hedge = nil })},
		{"no heartbeat", "bounds.heartbeat_interval", bound(func(b *pb.Bounds) { b.HeartbeatInterval = nil })},
		{"no session", "bounds.max_sessions", bound(func(b *pb.Bounds) { b.MaxSessions = 0 })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			release, err := NewRelease(trust.Digest{1}, trusttest.Release(test.change))
			if err == nil || release != nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not tell of %q", err, test.want)
			}
		})
	}
	good := trusttest.Release(pay(func(a *pb.Attribute) { a.Min = &zero }))
	if _, err := NewRelease(trust.Digest{1}, good); err != nil {
		t.Errorf("the release that the table breaks is broken before: %v", err)
	}
}

// TestReleaseTellsEverything: one error names all that is wrong.
func TestReleaseTellsEverything(t *testing.T) {
	_, err := NewRelease(trust.Digest{1}, trusttest.Release(func(p *pb.Release) {
		p.Issuers, p.DecisionThreshold, p.Bounds = nil, 9, nil
	}))
	for _, part := range []string{"issuer", "decision_threshold 9", "bounds.memory", "bounds.hedge"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not tell of %q", err, part)
		}
	}
}

func TestReleaseIndex(t *testing.T) {
	build := trust.DigestOf([]byte("build"))
	r, err := NewRelease(trust.Digest{1}, trusttest.Release(func(p *pb.Release) {
		p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_EXECUTOR, "a-second", "read"))
		p.Directory[1].Builds = [][]byte{build[:]}
		p.Tools[1].Action = "Pay"
	}))
	if err != nil {
		t.Fatal(err)
	}
	alice, ok := r.Identity(trusttest.ID(pb.Role_ROLE_AGENT, "alice"))
	if !ok || !alice.MayUse("read") || alice.MayUse("write") || alice.MayUse("") {
		t.Errorf("alice: %v", alice)
	}
	if _, ok := r.Identity(trusttest.ID(pb.Role_ROLE_EXECUTOR, "alice")); ok {
		t.Error("an agent is found as an executor")
	}
	if _, ok := r.Identity(trust.Identity{}); ok {
		t.Error("nobody is in the directory")
	}
	bob, _ := r.Identity(trusttest.ID(pb.Role_ROLE_AGENT, "bob"))
	if !alice.BuildAllowed(build) || !alice.BuildAllowed(trust.Digest{}) || !bob.BuildAllowed(build) || bob.BuildAllowed(trust.Digest{}) {
		t.Error("builds: alice is bound to none, bob to one")
	}
	if got := r.Executors("read"); !slices.Equal(got, []string{"a-second", "x1"}) {
		t.Errorf("executors of read: %v", got)
	}
	if got := r.Executors("write"); got != nil {
		t.Errorf("executors of no tool: %v", got)
	}
	if tool, ok := r.Tool("pay"); !ok || ToolAction(tool) != "Pay" {
		t.Errorf("tool pay: %v", tool)
	}
	if tool, ok := r.Tool("read"); !ok || ToolAction(tool) != "read" {
		t.Errorf("tool read: %v", tool)
	}
	if _, ok := r.Tool("none"); ok {
		t.Error("none is a tool")
	}
	from, to := r.Proto.GetNotBefore().AsTime(), r.Proto.GetExpires().AsTime()
	if !r.ValidAt(from) || r.ValidAt(from.Add(-1)) || !r.ValidAt(to.Add(-1)) || r.ValidAt(to) {
		t.Error("valid from not_before until before expires")
	}
}
