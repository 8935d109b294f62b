package sim

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// stranger holds a key that no credential binds.
var stranger = trusttest.Member{ID: trusttest.ID(pb.Role_ROLE_SENTINEL, "s1"), Key: trusttest.Key("a stranger")}

// forge appends what somebody without the right to it made: all of it is noise.
func (w *World) forge(a uint32) {
	switch a % 6 {
	case 0:
		w.noise(w.pulse(stranger, w.heartOf(stranger), "a stranger's pulse"))
	case 1:
		m := w.bob.member
		w.introduce(m.ID.Name)
		w.noise(w.pulse(m, w.heartOf(m), "bob's pulse"))
	case 2:
		if m, some := w.resumption(1, "a resume that one governor signed"); some {
			w.append(m) // its truth says who signed: History knows that it is too few
		}
	case 3:
		w.forgeDecision()
	case 4:
		if in := w.waiting(0); in != nil {
			w.noise(w.approval(w.bob.member, in.Digest, true, "bob's approval"))
		}
	default:
		m := w.govern(&pb.Governance{Record: &pb.Governance_Halt{Halt: &pb.Halt{
			Scope: &pb.Scope{Kind: pb.ScopeKind_SCOPE_KIND_GLOBAL}, Reason: "a forger halts",
		}}}, 1, "")
		m.data = w.bob.member.Seal(schemas.KindGovernance, m.truth.Payload)
		m.truth = Truth{Note: "bob's halt"}
		w.append(m)
	}
}

// noise appends a message that nobody may take for a record.
func (w *World) noise(m message) {
	m.truth = Truth{Note: m.truth.Note}
	w.append(m)
}

func (w *World) heartOf(m trusttest.Member) *pb.Pulse {
	f := w.sentinel.node.fold
	release := w.told().ReleaseID
	return &pb.Pulse{
		Ledger: w.zone.Ledger[:], Sentinel: m.SPIFFE(), Incarnation: fmt.Appendf(nil, "forger %9d", len(w.entries)), Counter: 1,
		Head: f.Governance().Head().Proto(), Release: release[:], Clock: timestamppb.New(trusttest.Start.Add(w.now)),
	}
}

// forgeDecision is the newest denial turned into an ALLOW, under an enforcer's
// key id and without its key.
func (w *World) forgeDecision() {
	i := lastIndex(w.entries, func(e *entry) bool {
		return e.truth.Decision.GetVerdict() == pb.Verdict_VERDICT_DENY_UNSPECIFIED && e.truth.Decision != nil
	})
	if i < 0 {
		return
	}
	d := allow(w.entries[i].truth.Decision)
	m := trusttest.Member{ID: w.enforcers[0].node.member.ID, Key: trusttest.Key("a stranger")}
	data := m.List(schemas.KindDecision, w.zone.Ledger, marshal(d))
	w.append(message{w.entries[i].subject, data, Truth{Note: "a forged ALLOW"}})
}

func lastIndex(entries []*entry, is func(*entry) bool) int {
	for i, e := range slices.Backward(entries) {
		if is(e) {
			return i
		}
	}
	return -1
}
