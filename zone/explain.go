package zone

import (
	"encoding/json"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/policy"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// Question is what an agent could ask for.
type Question struct {
	Agent, Tool, Resource string
	Arguments             json.RawMessage // a JSON object
}

// Explained is what a release's source would say to a question: as the first
// intent of a session, with no limit used so far and without approvals.
type Explained struct {
	policy.Explanation
	Granted bool // the directory lets the agent ask for the tool
}

// Allow reports whether directory and policies allow it.
func (e Explained) Allow() bool { return e.Granted && e.Result.Allow }

// Explain asks a release's source, the way an enforcer would if the source were
// the release in force. Nothing is proposed and nothing is written.
func Explain(f *fabric.Fabric, source *fabric.ReleaseSource, q Question) (Explained, error) {
	current, err := f.Release()
	if err != nil {
		return Explained{}, err
	}
	built, err := source.Build(fabric.BuildParams{
		Version: current.Proto.GetVersion() + 1, Replaces: current.Digest, Now: f.Clock(),
		Governors: current.Proto.GetGovernors(), Issuers: current.Proto.GetIssuers(),
	})
	if err != nil {
		return Explained{}, err
	}
	release, err := governance.NewRelease(trust.Digest{}, built)
	if err != nil {
		return Explained{}, err
	}
	rules := verdict.Compile(release)
	if rules.Err != nil {
		return Explained{}, rules.Err
	}
	id := trust.Identity{TrustDomain: f.TrustDomain, Zone: f.Zone, Role: pb.Role_ROLE_AGENT, Name: q.Agent}
	fold := ledger.NewFold(f.Ledger, nil)
	fold.RaiseLogTime(f.Clock())
	request, ok := verdict.NewState().PolicyRequest(fold, rules, verdict.Intent{
		Signer: trust.Credential{ID: id},
		Content: &pb.Intent{
			Agent: id.String(), Sequence: 1, Tool: q.Tool, Resource: q.Resource, Arguments: q.Arguments,
		},
	})
	if !ok {
		return Explained{}, fmt.Errorf("zone: the release has no agent %q or no tool %q; see directory.yaml and tools.yaml", q.Agent, q.Tool)
	}
	entry, _ := release.Identity(id)
	return Explained{rules.Policy.Explain(request), entry.MayUse(q.Tool)}, nil
}
