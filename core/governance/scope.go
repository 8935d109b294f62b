package governance

import (
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Target is what a halt may cover: one intent's coordinates.
type Target struct {
	Zone, Tool, Agent, Session string // Agent is a SPIFFE ID
}

// covers fails closed: a scope that can name nothing, and one of a later
// protocol, halt everything. Its author meant to halt something.
func covers(scope *pb.Scope, t Target) bool {
	if !nameable(scope) {
		return true
	}
	switch scope.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_ZONE:
		return scope.GetValue() == t.Zone
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		return scope.GetValue() == t.Tool
	case pb.ScopeKind_SCOPE_KIND_AGENT:
		return scope.GetValue() == t.Agent
	case pb.ScopeKind_SCOPE_KIND_SESSION:
		return scope.GetValue() == t.Agent && scope.GetSession() == t.Session
	case pb.ScopeKind_SCOPE_KIND_DRILL:
		return false
	case pb.ScopeKind_SCOPE_KIND_GLOBAL, pb.ScopeKind_SCOPE_KIND_UNSPECIFIED:
		return true
	default:
		return true
	}
}

// nameable reports whether the scope's value is spelled as such values are.
func nameable(scope *pb.Scope) bool {
	var err error
	switch scope.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_ZONE, pb.ScopeKind_SCOPE_KIND_TOOL:
		err = schemas.CheckName(scope.GetValue())
	case pb.ScopeKind_SCOPE_KIND_AGENT, pb.ScopeKind_SCOPE_KIND_SESSION:
		_, err = trust.ParseIdentity(scope.GetValue())
	case pb.ScopeKind_SCOPE_KIND_GLOBAL, pb.ScopeKind_SCOPE_KIND_DRILL, pb.ScopeKind_SCOPE_KIND_UNSPECIFIED:
	}
	return err == nil
}

// ScopeString spells a scope for people and the command line.
func ScopeString(s *pb.Scope) string {
	switch s.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_ZONE:
		return "zone:" + s.GetValue()
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		return "tool:" + s.GetValue()
	case pb.ScopeKind_SCOPE_KIND_AGENT:
		return "agent:" + s.GetValue()
	case pb.ScopeKind_SCOPE_KIND_SESSION:
		return fmt.Sprintf("session:%s#%s", s.GetValue(), s.GetSession())
	case pb.ScopeKind_SCOPE_KIND_DRILL:
		return "drill"
	case pb.ScopeKind_SCOPE_KIND_GLOBAL, pb.ScopeKind_SCOPE_KIND_UNSPECIFIED:
		return "global"
	default:
		return "global"
	}
}
