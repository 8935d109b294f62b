package zone

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ofGateway reports whether an executor is for a gateway to run: the directory says
// so, or it serves nothing but tools of servers elsewhere, whose definitions are
// pinned.
func ofGateway(r *governance.Release, executor string) bool {
	i := slices.IndexFunc(r.Proto.GetDirectory(), func(p *pb.Identity) bool {
		return p.GetRole() == pb.Role_ROLE_EXECUTOR && p.GetName() == executor
	})
	if i < 0 {
		return false
	}
	entry := r.Proto.GetDirectory()[i]
	return entry.GetGateway() || len(entry.GetTools()) > 0 && !slices.ContainsFunc(entry.GetTools(), func(name string) bool {
		tool, _ := r.Tool(name)
		return len(tool.GetDefinitionDigest()) == 0
	})
}
