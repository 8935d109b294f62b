package governance

import (
	"fmt"
	"strings"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ParseScope reads a scope as people write it: "global", "zone", "drill",
// "tool:NAME", "agent:NAME" or "session:NAME#SESSION", where NAME is an agent of
// the given trust domain and zone. A tool or agent need not exist: a halt may come first.
func ParseScope(text, trustDomain, zone string) (*pb.Scope, error) {
	kind, value, named := strings.Cut(text, ":")
	agent := func(name string) (string, error) {
		if err := schemas.CheckName(name); err != nil {
			return "", err
		}
		return trust.Identity{TrustDomain: trustDomain, Zone: zone, Role: pb.Role_ROLE_AGENT, Name: name}.String(), nil
	}
	switch kind {
	case "global", "zone", "drill":
		if named {
			return nil, fmt.Errorf("governance: scope %q: %s takes no name", text, kind)
		}
		return map[string]*pb.Scope{
			"global": {Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL},
			"zone":   {Kind: pb.ScopeKind_SCOPE_KIND_ZONE, Value: zone},
			"drill":  {Kind: pb.ScopeKind_SCOPE_KIND_DRILL},
		}[kind], nil
	case "tool":
		return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: value}, schemas.CheckName(value)
	case "agent":
		id, err := agent(value)
		return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: id}, err
	case "session":
		name, session, found := strings.Cut(value, "#")
		if !found || session == "" || len(session) > 64 {
			return nil, fmt.Errorf("governance: scope %q: write session:AGENT#SESSION", text)
		}
		id, err := agent(name)
		return &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: id, Session: session}, err
	default:
		return nil, fmt.Errorf("governance: scope %q; use global, zone, tool:NAME, agent:NAME or session:AGENT#SESSION", text)
	}
}
