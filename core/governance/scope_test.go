package governance

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestScopes(t *testing.T) {
	const other = "spiffe://example.test/z1/agent/bob"
	target := Target{Zone: "z1", Tool: "read", Agent: agentID, Session: "s-1"}
	tests := []struct {
		name   string
		scope  *pb.Scope
		covers bool
		text   string
	}{
		{"global", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, true, "global"},
		{"its zone", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_ZONE, Value: "z1"}, true, "zone:z1"},
		{"another zone", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_ZONE, Value: "z2"}, false, "zone:z2"},
		{"its tool", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "read"}, true, "tool:read"},
		{"another tool", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "rea"}, false, "tool:rea"},
		{"its agent", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: agentID}, true, "agent:" + agentID},
		{"another agent", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: other}, false, "agent:" + other},
		{"its session", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: agentID, Session: "s-1"}, true, "session:" + agentID + "#s-1"},
		{"another session", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: agentID, Session: "s-2"}, false, "session:" + agentID + "#s-2"},
		{"another agent's session of this name", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: other, Session: "s-1"}, false, "session:" + other + "#s-1"},

		{"no scope", nil, true, "global"},
		{"a kind of a later protocol", &pb.Scope{Kind: 99}, true, "global"},
		{"a misspelt agent", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: "alice"}, true, "agent:alice"},
		{"a misspelt session", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: "alice", Session: "x"}, true, "session:alice#x"},
		{"a misspelt tool", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "Read"}, true, "tool:Read"},
		{"an empty zone", &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_ZONE}, true, "zone:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := covers(test.scope, target); got != test.covers {
				t.Errorf("covers: %v", got)
			}
			if got := ScopeString(test.scope); got != test.text {
				t.Errorf("spelled %q, want %q", got, test.text)
			}
		})
	}
}

// TestScopedHalts: each halt stops what it covers, and the oldest is named.
func TestScopedHalts(t *testing.T) {
	c := begun(t, 1, 1)
	tool := c.must(c.zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read")))
	agent := c.must(c.zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_AGENT, agentID)))
	for _, test := range []struct {
		target Target
		want   any
	}{
		{Target{Zone: "z1", Tool: "read", Agent: agentID}, tool},
		{Target{Zone: "z1", Tool: "pay", Agent: agentID}, agent},
		{Target{Zone: "z1", Tool: "pay", Agent: "bob"}, nil},
	} {
		h, halted := c.state.Halted(test.target)
		if halted != (test.want != nil) || halted && h.ID != test.want {
			t.Errorf("%+v: %v by %s", test.target, halted, h.ID.Short())
		}
	}
}
