package zone

import (
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// ofGateway reports whether an executor serves nothing but tools of servers
// elsewhere, whose definitions are pinned: only the gateway before such a server can
// carry them out, with an executor that it runs itself.
func ofGateway(r *governance.Release, executor string) bool {
	i := slices.IndexFunc(r.Proto.GetDirectory(), func(p *pb.Identity) bool {
		return p.GetRole() == pb.Role_ROLE_EXECUTOR && p.GetName() == executor
	})
	if i < 0 {
		return false
	}
	tools := r.Proto.GetDirectory()[i].GetTools()
	return len(tools) > 0 && !slices.ContainsFunc(tools, func(name string) bool {
		tool, _ := r.Tool(name)
		return len(tool.GetDefinitionDigest()) == 0
	})
}
