package sim

import (
	"fmt"
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
		{Kind: pb.ScopeKind_SCOPE_KIND_AGENT, Value: w.bob.member.SPIFFE()},
		{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: alice, Session: "s0"},
		{Kind: pb.ScopeKind_SCOPE_KIND_SESSION, Value: alice, Session: "s1"},
	}
}

// scope is one of them.
func (w *World) scope(a uint32) *pb.Scope {
	scopes := w.scopes()
	return scopes[int(a)%len(scopes)]
}

func (w *World) halt(a uint32) { w.send(nil, w.haltOf(w.scope(a)), nil) }

func (w *World) drill() message { return w.haltOf(&pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_DRILL}) }

func (w *World) haltOf(scope *pb.Scope) message {
	record := &pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{Scope: scope, Reason: "the simulator halts"}}}
	return w.govern(record, 1, "halt of "+scopeText(scope))
}

func scopeText(s *pb.Scope) string {
	return fmt.Sprintf("%v %s%s", s.GetKind(), s.GetValue(), s.GetSession())
}

// resume names halts: mostly all that are in force, sometimes only the oldest,
// or one more that is not in force, so that none is lifted.
func (w *World) resume(a uint32) {
	halts := haltIDs(w.told().Halts)
	switch a % 8 {
	case 0:
		halts = halts[:min(1, len(halts))]
	case 1:
		halts = append(halts, w.zone.Ledger)
	}
	if len(halts) > 0 {
		w.send(nil, w.resumeOf(halts, 2, "resume"), nil)
	}
}

// resumption lifts what is in force now; n governors sign.
func (w *World) resumption(n int, note string) (message, bool) {
	halts := haltIDs(w.told().Halts)
	if len(halts) == 0 {
		return message{}, false
	}
	return w.resumeOf(halts, n, note), true
}

func (w *World) resumeOf(halts []trust.Digest, n int, note string) message {
	return w.govern(trusttest.Resume(halts...), n, fmt.Sprintf("%s of %d halts", note, len(halts)))
}

func haltIDs(halts []Halt) []trust.Digest {
	ids := make([]trust.Digest, len(halts))
	for i, h := range halts {
		ids[i] = h.ID
	}
	return ids
}

// Kinds of releases: as the first, with half its limit, and one that expires
// soon.
const (
	plain = iota
	halved
	short

	shortly = 4 * time.Second
)

// release is the next release; kind chooses how it differs.
func (w *World) release(replaces trust.Digest, kind uint32) message {
	w.released++
	version := w.released
	note := fmt.Sprintf("release %d", version)
	p := w.zone.Release(func(p *pb.Release) {
		p.Version, p.Replaces, p.Bounds = version, replaces[:], bounds()
		p.DecisionThreshold = uint32(w.cfg.Threshold) //nolint:gosec // 1 or 2
		p.Directory = w.directory()
		p.Policies = []*pb.PolicySource{{Name: "all.cedar", Text: policies}}
		p.Limits = []*pb.Limit{{
			Id: "paid", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: limitMax, Window: durationpb.New(limitWindow),
		}}
	})
	switch kind % 3 {
	case halved:
		p.Limits[0].Max = limitMax / 2
		note += ", half the limit"
	case short:
		p.Expires = timestamppb.New(trusttest.Start.Add(w.now + shortly))
		note += ", four seconds long"
	}
	return w.govern(trusttest.Released(p), 2, note)
}

const policies = `
@id("read") permit (principal, action == Action::"read", resource);
@id("pay") permit (principal, action == Action::"pay", resource) when { context.arguments.amount < 30 || context.arguments.amount > 50 };
@id("one") @approvals("1") permit (principal, action == Action::"pay", resource) when { context.arguments.amount < 40 };
@id("two") @approvals("2") permit (principal, action == Action::"pay", resource) when { context.arguments.amount >= 40 };
@id("unlucky") forbid (principal, action == Action::"pay", resource) when { context.arguments.amount == 77 };
`

func (w *World) directory() []*pb.Identity {
	list := []*pb.Identity{
		trusttest.Entry(pb.Role_ROLE_AGENT, "alice", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_AGENT, "bob", "pay"),
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x1", "read", "pay"),
		trusttest.Entry(pb.Role_ROLE_EXECUTOR, "x2", "pay"),
		trusttest.Entry(pb.Role_ROLE_SENTINEL, "s1"),
	}
	for _, name := range w.approvers() {
		list = append(list, trusttest.Entry(pb.Role_ROLE_APPROVER, name, answersFor[name]...))
	}
	for rank, name := range w.enforcerNames() {
		e := trusttest.Entry(pb.Role_ROLE_ENFORCER, name)
		e.Rank = uint32(rank)
		list = append(list, e)
	}
	return list
}

// publish sends the release that follows the one in force.
func (w *World) publish(kind uint32) { w.send(nil, w.nextRelease(kind), nil) }

func (w *World) nextRelease(kind uint32) message {
	h := w.told()
	w.released = h.Release.GetVersion()
	return w.release(h.ReleaseID, kind)
}

// revocable leaves enough for anything to be done: alice, x1, two enforcers, an
// approver and the sentinel.
var revocable = []string{"bob", "x2", "e3", "p2"}

func (w *World) revoke(a uint32) {
	w.send(nil, w.revocation(revocable[int(a)%len(revocable)]), nil)
}

func (w *World) revocation(name string) message {
	return w.govern(trusttest.RevokeIdentity(people[name].ID), 1, "revocation of "+name)
}
