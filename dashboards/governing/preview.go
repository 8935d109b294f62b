package governing

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// maxQuestion bounds what a question may have, in bytes.
const maxQuestion = 64 << 10

// preview tells what a halt would stop: its blast radius.
func (g *Governing) preview(w http.ResponseWriter, r *http.Request) error {
	var question struct {
		Scope string `json:"scope"`
	}
	if err := surface.Read(w, r, maxQuestion, &question); err != nil {
		return err
	}
	scope, err := governance.ParseScope(question.Scope, g.cfg.Fabric.TrustDomain, g.cfg.Fabric.Zone)
	if err != nil {
		return asked(err)
	}
	return g.look(w, r, func(ctx context.Context, from reading) (any, error) {
		status, err := from.observer.Status(ctx)
		if err != nil {
			return nil, err
		}
		if status.Release == nil {
			return nil, surface.Unable("no release is in force: nothing starts, and there is nothing to halt")
		}
		b := blast{scope: scope, release: status.Release, domain: g.cfg.Fabric.TrustDomain, zone: g.cfg.Fabric.Zone}
		told := object{
			"scope": governance.ScopeString(scope), "drill": scope.GetKind() == pb.ScopeKind_SCOPE_KIND_DRILL, "known": b.known(),
			"agents": b.agents(), "tools": b.tools(), "sessions": b.sessions(from.observer.Sessions(), status.LogTime),
			"executors": executors(from.observer.Executors(scope), status), "waiting": b.waiting(from.observer.Waiting()),
			"bound_ms": millis(status.Release.Bounds.Start), "position": status.Position, "at": stamp(status.At), "halts": b.same(status.Halts),
		}
		return told, nil
	})
}

// blast is what a scope covers, by a release.
type blast struct {
	scope        *pb.Scope
	release      *governance.Release
	domain, zone string
}

// covers reports whether the scope covers an intent with these coordinates; what is
// "" is whatever it be.
func (b blast) covers(tool, agent, session string) bool {
	switch b.scope.GetKind() {
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		return tool == "" || tool == b.scope.GetValue()
	case pb.ScopeKind_SCOPE_KIND_AGENT:
		return agent == "" || agent == b.scope.GetValue()
	case pb.ScopeKind_SCOPE_KIND_SESSION:
		return (agent == "" || agent == b.scope.GetValue()) && (session == "" || session == b.scope.GetSession())
	case pb.ScopeKind_SCOPE_KIND_DRILL:
		return false
	case pb.ScopeKind_SCOPE_KIND_GLOBAL, pb.ScopeKind_SCOPE_KIND_ZONE, pb.ScopeKind_SCOPE_KIND_UNSPECIFIED:
		return true
	default:
		return true
	}
}

// known reports whether the release knows what the scope names. A halt may come
// before that; but a slip of the pen must not look like a stop.
func (b blast) known() bool {
	switch b.scope.GetKind() { //nolint:exhaustive // other scopes name nobody
	case pb.ScopeKind_SCOPE_KIND_TOOL:
		_, known := b.release.Tool(b.scope.GetValue())
		return known
	case pb.ScopeKind_SCOPE_KIND_AGENT, pb.ScopeKind_SCOPE_KIND_SESSION:
		id, err := trust.ParseIdentity(b.scope.GetValue())
		_, known := b.release.Identity(id)
		return err == nil && known
	default:
		return true
	}
}

func (b blast) entries() (all []*pb.Identity) {
	for _, entry := range b.release.Proto.GetDirectory() {
		if entry.GetRole() == pb.Role_ROLE_AGENT && b.covers("", b.agentID(entry.GetName()), "") && len(b.covered(entry.GetTools())) > 0 {
			all = append(all, entry)
		}
	}
	return all
}

func (b blast) agentID(name string) string {
	return trust.Identity{TrustDomain: b.domain, Zone: b.zone, Role: pb.Role_ROLE_AGENT, Name: name}.String()
}

func (b blast) covered(tools []string) []string {
	return slices.DeleteFunc(slices.Clone(tools), func(tool string) bool { return !b.covers(tool, "", "") })
}

// agents are those that could use something in scope, with what.
func (b blast) agents() []object {
	all := []object{}
	for _, entry := range b.entries() {
		all = append(all, object{"name": entry.GetName(), "tools": b.covered(entry.GetTools())})
	}
	return all
}

// tools are those that some agent could use in scope.
func (b blast) tools() []string {
	all := []string{}
	for _, entry := range b.entries() {
		all = append(all, b.covered(entry.GetTools())...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// maxListed bounds how much of what has no end is told.
const maxListed = 200

func (b blast) sessions(lately []zone.Session, now time.Time) []object {
	all := []object{}
	for _, s := range lately {
		id, err := trust.ParseIdentity(s.Agent)
		if err == nil && b.covers("", s.Agent, s.Session) && len(all) < maxListed {
			all = append(all, object{"agent": id.Name, "session": s.Session, "age_ms": millis(max(now.Sub(s.Last), 0))})
		}
	}
	return all
}

// waiting are the intents in scope that wait for approval.
func (b blast) waiting(open []zone.Waiting) []object {
	all := []object{}
	for _, one := range open {
		in := one.Intent
		if one.Pending() && b.covers(in.Content.GetTool(), in.Signer.ID.String(), in.Content.GetSession()) && len(all) < maxListed {
			all = append(all, object{"intent": in.Digest.String(), "agent": in.Signer.ID.Name, "tool": in.Content.GetTool(), "resource": in.Content.GetResource()})
		}
	}
	return all
}

// same are the halts in force of the very same scope.
func (b blast) same(halts []governance.Halt) []string {
	all := []string{}
	for _, h := range halts {
		if governance.ScopeString(h.Scope) == governance.ScopeString(b.scope) {
			all = append(all, h.ID.String())
		}
	}
	return all
}

// executors tells what those in scope run now, as their heartbeats say. Of one that
// was not heard nothing is known.
func executors(inScope []trust.Identity, status zone.Status) []object {
	all := []object{}
	for _, p := range status.Participants {
		if !slices.Contains(inScope, p.ID) {
			continue
		}
		one := object{"name": p.ID.Name, "state": p.State(), "why": p.Why()}
		if p.Beat != nil {
			one["running"], one["halted_running"], one["age_ms"] = p.Beat.GetRunning(), p.Beat.GetHaltedRunning(), millis(max(status.At.Sub(p.Heard), 0))
		}
		all = append(all, one)
	}
	return all
}

// previewResume tells what lifting halts would allow again.
func (g *Governing) previewResume(w http.ResponseWriter, r *http.Request) error {
	ids, err := halts(w, r)
	if err != nil {
		return err
	}
	return g.look(w, r, func(ctx context.Context, from reading) (any, error) {
		p, err := from.governed.Preview(ctx, ids)
		if err != nil {
			return nil, asked(err)
		}
		status, err := from.observer.Status(ctx)
		if err != nil {
			return nil, err
		}
		trips, lifted, again := []object{}, []object{}, []object{}
		for _, t := range status.StillTripping(p.Halts) {
			trips = append(trips, object{"rule": t.GetRule(), "subject": t.GetSubject(), "detail": t.GetDetail(), "by": t.By.Name})
		}
		for _, h := range p.Halts {
			lifted = append(lifted, haltObject(h))
		}
		for _, a := range p.Again {
			again = append(again, object{"agent": a.Agent, "session": a.Session, "tools": a.Tools})
		}
		return object{
			"halts": lifted, "in_force": len(p.State.Halts()), "allowed_again": again, "denied": p.Denied, "denied_all_counted": p.Whole,
			"trips_again": trips, "needed": p.State.Release().Proto.GetThresholds().GetResume(),
		}, nil
	})
}

// halts reads which halts are meant.
func halts(w http.ResponseWriter, r *http.Request) ([]trust.Digest, error) {
	var question struct {
		Halts []string `json:"halts"`
	}
	if err := surface.Read(w, r, maxQuestion, &question); err != nil {
		return nil, err
	}
	ids := make([]trust.Digest, len(question.Halts))
	for i, text := range question.Halts {
		var err error
		if ids[i], err = trust.ParseDigest(text); err != nil {
			return nil, asked(err)
		}
	}
	return ids, nil
}

func asked(err error) error { return surface.Asked(err.Error(), "see docs/console.md") }
