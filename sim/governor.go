package sim

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// govern makes a governance record signed by the first n governors.
func (w *World) govern(record *pb.Governance, n int, note string) message {
	w.records++
	record.Id = fmt.Appendf(nil, "record %9d", w.records)
	data := w.zone.Seal(record, w.zone.Governors[:n]...)
	return governed(data, record, Truth{By: "governors", Signers: n, Note: note})
}

func governed(data []byte, record *pb.Governance, t Truth) message {
	t.Kind, t.Record, t.Payload = schemas.KindGovernance, record, trusttest.Payload(data)
	return message{schemas.Subject(trusttest.ZoneName, schemas.KindGovernance, ""), data, t}
}

// scopes are what that governors halt.
func (w *World) scopes() []*pb.Scope {
	alice := w.alice.member.SPIFFE()
	return []*pb.Scope{
		{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL},
		{Kind: pb.ScopeKind_SCOPE_KIND_ZONE, Value: trusttest.ZoneName},
		{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "pay"},
		{Kind: pb.ScopeKind_SCOPE_KIND_TOOL, Value: "read"},
		{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: alice},
		{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: alice, Session: "s0"},
	}
}

func (w *World) halt(a uint32) {
	scopes := w.scopes()
	w.send(nil, w.haltOf(scopes[int(a)%len(scopes)]), nil)
}

func (w *World) haltOf(scope *pb.Scope) message {
	record := &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: scope, Reason: "the simulator halts"}}}
	return w.govern(record, 1, "halt of "+scopeText(scope))
}

func scopeText(s *pb.Scope) string {
	return fmt.Sprintf("%v %s%s", s.GetKind(), s.GetValue(), s.GetSession())
}

// resume lifts what is in force now; n governors sign.
func (w *World) resume(n int, note string) {
	if m, some := w.resumption(n, note); some {
		w.send(nil, m, nil)
	}
}

func (w *World) resumption(n int, note string) (message, bool) {
	halts := w.history(w.last(), nil).Halts
	if len(halts) == 0 {
		return message{}, false
	}
	ids := make([]trust.Digest, len(halts))
	for i, h := range halts {
		ids[i] = h.ID
	}
	return w.govern(trusttest.Resume(ids...), n, fmt.Sprintf("%s of %d halts", note, len(ids))), true
}

// release is the next release; kind chooses how it differs.
func (w *World) release(replaces trust.Digest, kind uint32) message {
	w.released++
	version := w.released
	note := fmt.Sprintf("release %d", version)
	p := w.zone.Release(func(p *pb.Release) {
		p.Version, p.Replaces, p.Bounds = version, replaces[:], bounds()
		p.DecisionThreshold = uint32(w.cfg.Threshold) //nolint:gosec // 1 or 2
		p.Directory = directory()
		p.Policies = []*pb.PolicySource{{Name: "all.cedar", Text: policies}}
		p.Limits = []*pb.Limit{{
			Id: "paid", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: limitMax, Window: durationpb.New(limitWindow),
		}}
	})
	switch kind % 3 {
	case 1:
		p.Limits[0].Max = limitMax / 2
		note += ", half the limit"
	case 2:
		p.Expires = timestamppb.New(trusttest.Start.Add(w.now + 4*time.Second))
		note += ", four seconds long"
	}
	return w.govern(trusttest.Released(p), 2, note)
}

const policies = `
@id("all") permit (principal, action in [Action::"read", Action::"pay"], resource);
@id("unlucky") forbid (principal, action == Action::"pay", resource) when { context.arguments.amount == 77 };
`

func directory() []*pb.Identity {
	list := []*pb.Identity{
		trusttest.Entry(pb.Role_ROLE_AGENT, "alice", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_AGENT, "bob", "pay"),
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x1", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "pay"),
		trusttest.Entry(pb.Role_ROLE_SENTINEL, "s1"),
	}
	for rank, name := range []string{"e1", "e2", "e3"} {
		e := trusttest.Entry(pb.Role_ROLE_ENFORCER, name)
		e.Rank = uint32(rank)
		list = append(list, e)
	}
	return list
}

// publish sends the release that follows the one in force.
func (w *World) publish(kind uint32) {
	h := w.history(w.last(), nil)
	w.released = h.Release.GetVersion()
	w.send(nil, w.release(h.ReleaseID, kind), nil)
}

// revocable leaves enough for anything to be done: alice, x1, two enforcers and
// the sentinel.
var revocable = []string{"bob", "x2", "e3"}

func (w *World) revoke(a uint32) {
	name := revocable[int(a)%len(revocable)]
	if i := slices.IndexFunc(w.nodes, func(n *node) bool { return n.name == name }); i >= 0 {
		w.send(nil, w.govern(trusttest.RevokeIdentity(w.nodes[i].member.ID), 1, "revocation of "+name), nil)
		return
	}
	w.send(nil, w.govern(trusttest.RevokeIdentity(w.bob.member.ID), 1, "revocation of bob"), nil)
}
