package projection

import (
	"context"
	"slices"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// GovernanceAt folds the governance that stood at a position, from governance records
// and credentials alone: it takes as long as there are of those, not as long as the
// ledger is. Position 0 means the newest.
func GovernanceAt(ctx context.Context, f *fabric.Fabric, conn *streams.Conn, at uint64) (*governance.State, error) {
	records, err := feed.Rest(ctx, conn, f.Zone, at)
	if err != nil {
		return nil, err
	}
	keys := ledger.NewKeys()
	parser, fold := ledger.Parser{Zone: f.Zone, Keys: keys}, ledger.NewFold(f.Ledger, keys)
	for _, raw := range records {
		_, _ = fold.Step(parser.Parse(raw)) // noise changes nothing
	}
	return fold.Governance(), nil
}

// Standing is history.Standing without what pulses say: they are no governance, and
// whether one was fresh at a position is for history.Standing to tell.
func (v *View) Standing(gov *governance.State, at uint64) history.Standing {
	logTime, _ := v.LogTimeAt(at)
	s := history.Standing{
		Position: at, LogTime: logTime, Epoch: gov.Epoch(), Head: gov.Head().Digest.String(), Sealed: gov.Sealed(),
		Halts: []history.Halt{}, Revoked: []string{}, Tools: []string{}, Agents: []history.AgentStanding{},
	}
	for _, h := range gov.Halts() {
		s.Halts = append(s.Halts, history.Halt{
			Position: h.Sequence, LogTime: h.Time.UTC(), ID: h.ID.String(), Scope: governance.ScopeString(h.Scope), Rule: h.Rule, Reason: h.Reason,
		})
	}
	for _, g := range v.Governance() {
		if g.Position <= at && g.Revoked != "" {
			s.Revoked = append(s.Revoked, g.Revoked)
		}
	}
	slices.Sort(s.Revoked)
	release := gov.Release()
	if release == nil {
		return s
	}
	p := release.Proto
	s.Release = &history.Release{
		Version: p.GetVersion(), Digest: release.Digest.String(), NotBefore: p.GetNotBefore().AsTime(), Expires: p.GetExpires().AsTime(),
		InTime: release.ValidAt(logTime),
	}
	for _, tool := range p.GetTools() {
		s.Tools = append(s.Tools, tool.GetName())
	}
	for _, entry := range p.GetDirectory() {
		if entry.GetRole() == pb.Role_ROLE_AGENT {
			s.Agents = append(s.Agents, agentAt(gov, entry.GetName(), s.Tools))
		}
	}
	return s
}

// agentAt tells which tools an agent might ask for.
func agentAt(gov *governance.State, name string, tools []string) history.AgentStanding {
	id := trust.Identity{TrustDomain: gov.TrustDomain(), Zone: gov.Zone(), Role: pb.Role_ROLE_AGENT, Name: name}
	entry, enrolled := gov.Release().Identity(id)
	a := history.AgentStanding{Name: name, Tools: make(map[string]history.Cell, len(tools))}
	for _, tool := range tools {
		_, halted := gov.Halted(governance.Target{Zone: gov.Zone(), Tool: tool, Agent: id.String()})
		switch {
		case gov.RevokedID(id.String()):
			a.Tools[tool] = history.CellRevoked
		case !enrolled || !entry.MayUse(tool):
			a.Tools[tool] = history.CellNotGranted
		case halted:
			a.Tools[tool] = history.CellHalted
		default:
			a.Tools[tool] = history.CellOpen
		}
	}
	return a
}
