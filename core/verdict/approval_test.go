package verdict_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// wantTwo asks two people about payments of more than 100.
const wantTwo = `
	@id("small") permit (principal, action, resource) when { !(context.arguments has amount) || context.arguments.amount <= 100 };
	@id("large") @approvals("2") permit (principal, action == Action::"pay", resource);`

// court is a world whose intents a replica decides, with three approvers, of
// whom the last may answer for reading only.
type court struct {
	*world
	replica    *verdict.Replica
	p1, p2, p3 trusttest.Member
}

func approvers(p *pb.Release) {
	p.Directory = slices.DeleteFunc(p.GetDirectory(), func(e *pb.Identity) bool { return e.GetRole() == pb.Role_ROLE_APPROVER })
	p.Directory = append(p.Directory, trusttest.Entry(pb.Role_ROLE_APPROVER, "p1", "pay"),
		trusttest.Entry(pb.Role_ROLE_APPROVER, "p2", "pay", "read"), trusttest.Entry(pb.Role_ROLE_APPROVER, "p3", "read"))
}

func newCourt(tb rapid.TB, mutators ...func(*pb.Release)) *court {
	tb.Helper()
	c := &court{
		world: newWorld(tb, append([]func(*pb.Release){policies(wantTwo), approvers}, mutators...)...), replica: verdict.NewReplica(verdict.ReplicaConfig{}),
		p1: trusttest.NewMember(pb.Role_ROLE_APPROVER, "p1"), p2: trusttest.NewMember(pb.Role_ROLE_APPROVER, "p2"), p3: trusttest.NewMember(pb.Role_ROLE_APPROVER, "p3"),
	}
	for _, m := range []trusttest.Member{c.p1, c.p2, c.p3} {
		c.introduce(m)
	}
	return c
}

func contentsOf(rec ledger.Record) []verdict.Content { return contentsBy(verdict.Reader{}, rec) }

func contentsBy(reader verdict.Reader, rec ledger.Record) []verdict.Content {
	contents := make([]verdict.Content, len(rec.Items))
	for i, item := range rec.Items {
		contents[i] = reader.Read(item.Bytes)
	}
	return contents
}

// step is what the replica derives from a record: at most one decision.
func (c *court) step(rec ledger.Record) *pb.Decision {
	c.tb.Helper()
	all, err := c.replica.Step(c.fold, rec, contentsBy(c.reader, rec))
	if err != nil || len(all) > 1 {
		c.tb.Fatalf("%d decisions, %v", len(all), err)
	}
	if len(all) == 0 {
		return nil
	}
	d := all[0].Decision
	checkDecision(c.tb, d)
	if own, derived := c.replica.Own(verdict.RoundOf(d)); !derived || own != all[0].Digest || own != trust.DigestOf(all[0].Data) {
		c.tb.Fatalf("the replica does not know its own decision")
	}
	if allow := d.GetVerdict() == pb.Verdict_VERDICT_ALLOW; allow != (all[0].Explain() == "") {
		c.tb.Fatalf("the explanation of %v is %q", d, all[0].Explain())
	}
	return d
}

func (c *court) request(m trusttest.Member, mutators ...func(*pb.Intent)) *pb.Decision {
	c.tb.Helper()
	in := c.intent(m, mutators...)
	item := encode(c.tb, in)
	key := m.ID.Name + "#" + in.GetSession()
	c.newest[key], c.digests[key] = in, trust.DigestOf(item)
	return c.step(c.mustAppend(schemas.KindIntent, m.ID.Name, m.List(schemas.KindIntent, c.zone.Ledger, item)))
}

func (c *court) answer(m trusttest.Member, d *pb.Decision, approve bool) *pb.Decision {
	c.tb.Helper()
	a := &pb.Approval{Ledger: c.zone.Ledger[:], IntentDigest: d.GetIntentDigest(), Approver: m.SPIFFE(), Approve: approve, Note: fmt.Sprint(c.seq)}
	return c.step(c.mustAppend(schemas.KindApproval, "", m.Seal(schemas.KindApproval, encode(c.tb, a))))
}

// wantRound is what a further round must say, whatever its verdict.
func (c *court) wantRound(first, d *pb.Decision, number uint32, want ...pb.Reason) {
	c.tb.Helper()
	wantReasons(c.tb, d, want...)
	same := proto.Equal(d.GetIntent(), first.GetIntent()) && bytes.Equal(d.GetIntentDigest(), first.GetIntentDigest()) &&
		d.GetAgent() == first.GetAgent() && d.GetSession() == first.GetSession() && d.GetTool() == first.GetTool() && proto.Equal(d.GetDeadline(), first.GetDeadline())
	if !same || d.GetRound() != number || d.GetApproval().GetSequence() != c.seq || d.GetSessionSequence() != 0 ||
		!d.GetLogTime().AsTime().Equal(c.fold.LogTime()) || d.GetEpoch() != c.fold.Governance().Epoch() {
		c.tb.Errorf("round %d at %d: %v", number, c.seq, d)
	}
	if verdict.DecidedAt(d) != (ledger.Position{Seq: c.seq}) {
		c.tb.Errorf("decided at %s, the approval stands at %d", verdict.DecidedAt(d), c.seq)
	}
}

func nothing(tb rapid.TB, d *pb.Decision) {
	tb.Helper()
	if d != nil {
		tb.Errorf("an answer that says nothing opened round %d: %v", d.GetRound(), d.GetReasons())
	}
}

func TestApprovals(t *testing.T) {
	c := newCourt(t, limits(&pb.Limit{Id: "spent", Tools: []string{"pay"}, Key: pb.LimitKey_LIMIT_KEY_AGENT, Argument: "amount", Max: 1000, Window: durationpb.New(time.Minute)}))
	small := c.request(c.alice, pay(82))
	wantReasons(t, small)
	nothing(t, c.answer(c.p1, small, true)) // nobody asked
	large := c.request(c.alice, pay(820))
	wantReasons(t, large, approvalPending)
	if !schemas.Pending(large) || schemas.Pending(small) || large.GetSessionSequence() != 2 {
		t.Errorf("pending %v and %v, at sequence %d", schemas.Pending(large), schemas.Pending(small), large.GetSessionSequence())
	}
	wantReasons(t, c.request(c.alice, pay(1))) // its session goes on meanwhile
	one := c.answer(c.p1, large, true)
	c.wantRound(large, one, 1, approvalPending)
	nothing(t, c.answer(c.p1, large, true)) // twice the same person
	nothing(t, c.answer(c.p3, large, true)) // may not answer for this tool
	c.now = c.now.Add(time.Second)
	two := c.answer(c.p2, large, true)
	c.wantRound(large, two, 2)
	if len(two.GetCharges()) != 1 || two.GetCharges()[0].GetAmount() != 820 {
		t.Errorf("charged %v", two.GetCharges())
	}
	wantReasons(t, c.request(c.alice, pay(98)), limitExceeded) // 82 + 1 + 820 + 98
	wantReasons(t, c.request(c.alice, pay(97)))
}

// TestApprovalIsBound: a yes to 82 is no yes to 820, nor to the same again.
func TestApprovalIsBound(t *testing.T) {
	c := newCourt(t)
	asked, other := c.request(c.alice, pay(182)), c.request(c.alice, pay(1820))
	again := c.request(c.alice, pay(182))
	c.wantRound(asked, c.answer(c.p1, asked, true), 1, approvalPending)
	c.wantRound(asked, c.answer(c.p2, asked, true), 2)
	for _, d := range []*pb.Decision{other, again} {
		c.wantRound(d, c.answer(c.p1, d, true), 1, approvalPending)
	}
	nothing(t, c.answer(c.p1, &pb.Decision{IntentDigest: make([]byte, 32)}, true))
}

func TestRefusal(t *testing.T) {
	c := newCourt(t)
	asked := c.request(c.alice, pay(820))
	c.wantRound(asked, c.answer(c.p1, asked, true), 1, approvalPending)
	nothing(t, c.answer(c.p3, asked, false)) // may not answer for this tool
	c.wantRound(asked, c.answer(c.p1, asked, false), 2, approvalPending, approvalRefused)
	nothing(t, c.answer(c.p2, asked, true))
	nothing(t, c.answer(c.p2, asked, false))

	// A refusal counts even after the intent was allowed: the newest round holds.
	late := c.request(c.alice, pay(820))
	c.answer(c.p1, late, true)
	c.wantRound(late, c.answer(c.p2, late, true), 2)
	c.wantRound(late, c.answer(c.p2, late, false), 3, approvalRefused)
	nothing(t, c.answer(c.p1, late, true))
}

// TestApprovalInItsTime: each round is decided by what holds at its approval.
func TestApprovalInItsTime(t *testing.T) {
	asked := func(c *court) *pb.Decision {
		d := c.request(c.alice, pay(820))
		c.wantRound(d, c.answer(c.p1, d, true), 1, approvalPending)
		return d
	}
	t.Run("deadline", func(t *testing.T) {
		c := newCourt(t)
		d := asked(c)
		c.now = d.GetDeadline().AsTime()
		nothing(t, c.answer(c.p2, d, true))
	})
	t.Run("just in time", func(t *testing.T) {
		c := newCourt(t)
		d := asked(c)
		c.now = d.GetDeadline().AsTime().Add(-1)
		c.wantRound(d, c.answer(c.p2, d, true), 2)
	})
	t.Run("halted", func(t *testing.T) {
		c := newCourt(t)
		d := asked(c)
		c.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		c.wantRound(d, c.answer(c.p2, d, true), 2, halted)
	})
	t.Run("halted meanwhile", func(t *testing.T) {
		c := newCourt(t)
		d := c.request(c.alice, pay(820))
		id := c.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		c.wantRound(d, c.answer(c.p1, d, true), 1, halted, approvalPending)
		c.govern(trusttest.Resume(id))
		c.wantRound(d, c.answer(c.p2, d, true), 2)
	})
	t.Run("approver revoked since", func(t *testing.T) {
		c := newCourt(t)
		d := asked(c)
		c.govern(trusttest.RevokeIdentity(c.p1.ID))
		c.wantRound(d, c.answer(c.p2, d, true), 2, approvalPending)
	})
	t.Run("agent revoked since", func(t *testing.T) {
		c := newCourt(t)
		d := asked(c)
		c.govern(trusttest.RevokeIdentity(c.alice.ID))
		c.wantRound(d, c.answer(c.p2, d, true), 2, agentRevoked)
	})
	t.Run("approver may no longer", func(t *testing.T) {
		c := newCourt(t)
		d := asked(c)
		c.release(policies(wantTwo), approvers, func(p *pb.Release) {
			for _, e := range p.GetDirectory() {
				if e.GetName() == "p1" {
					e.Tools = nil
				}
			}
		})
		c.wantRound(d, c.answer(c.p2, d, true), 2, approvalPending)
	})
	t.Run("policy asks for fewer", func(t *testing.T) {
		c := newCourt(t)
		d := c.request(c.alice, pay(820))
		c.release(policies(`@id("one") @approvals("1") permit (principal, action == Action::"pay", resource);`), approvers)
		c.wantRound(d, c.answer(c.p2, d, true), 1)
	})
	t.Run("limit used up since", func(t *testing.T) {
		c := newCourt(t, limits(&pb.Limit{Id: "calls", Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 1, Window: durationpb.New(time.Minute)}))
		d := asked(c)
		wantReasons(t, c.request(c.alice, pay(1)))
		c.wantRound(d, c.answer(c.p2, d, true), 2, limitExceeded)
	})
}

// TestNoRounds: an intent that is denied for more than want of approvals waits
// for none.
func TestNoRounds(t *testing.T) {
	c := newCourt(t)
	d := c.request(c.alice, pay(820), func(in *pb.Intent) { in.Sequence = 7 })
	wantReasons(t, d, sessionGap, approvalPending)
	nothing(t, c.answer(c.p1, d, true))
	if again := c.step(c.mustAppend(schemas.KindIntent, "alice", c.alice.List(schemas.KindIntent, c.zone.Ledger, encode(t, c.newest["alice#main"])))); again != nil {
		t.Errorf("a re-send got %v", again)
	}
}

// point is a record that the replica stepped over, and what it derived.
type point struct {
	raw ledger.Raw
	d   *pb.Decision
}

// TestReplicaRestart is S5 for restarts, approvals and all: a replica that begins
// W back with what quorums recorded since has the state of one that never
// stopped, and derives the same from then on.
func TestReplicaRestart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCourt(t, limits(&pb.Limit{Id: "calls", Key: pb.LimitKey_LIMIT_KEY_AGENT, Max: 9, Window: durationpb.New(20 * time.Second)}),
			bounds(func(b *pb.Bounds) { b.Memory, b.MaxDeadline = durationpb.New(longest), durationpb.New(longest) }))
		var waiting []*pb.Decision
		var points []point
		take := func(d *pb.Decision) {
			points = append(points, point{c.stored[len(c.stored)-1], d})
			if d != nil && schemas.Pending(d) && d.GetRound() == 0 {
				waiting = append(waiting, d)
			}
		}
		for range rapid.IntRange(5, 30).Draw(t, "length") {
			c.now = c.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 9 * time.Second, 31 * time.Second}).Draw(t, "wait"))
			switch kind := rapid.IntRange(0, 9).Draw(t, "what"); {
			case kind < 4 || len(waiting) == 0:
				late := rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, longest}).Draw(t, "deadline")
				take(c.request(c.alice, pay(rapid.SampledFrom([]int64{1, 820}).Draw(t, "amount")), deadline(c.now.Add(late))))
			case kind < 9:
				who := rapid.SampledFrom([]trusttest.Member{c.p1, c.p2, c.p3}).Draw(t, "who")
				about := rapid.SampledFrom(waiting).Draw(t, "about")
				take(c.answer(who, about, rapid.IntRange(0, 4).Draw(t, "approves") > 0))
			default:
				c.release(policies(wantTwo), approvers, bounds(func(b *pb.Bounds) { b.Memory, b.MaxDeadline = durationpb.New(longest), durationpb.New(longest) }))
			}
		}
		restarted, fold := refold(t, c, points)
		now := c.now.UnixNano()
		c.replica.State().Expire(now)
		restarted.State().Expire(now)
		if state := c.replica.State(); state.Digest() != state.Recount() {
			t.Fatal("the running digest is not that of the state's entries")
		}
		if restarted.State().Digest() != c.replica.State().Digest() {
			t.Fatal("the state after a restart is another one")
		}
		for _, d := range waiting { // what comes next is derived alike
			a := c.answer(c.p2, d, true)
			b := derive(t, restarted, fold, c.parser, c.stored[len(c.stored)-1])
			if !proto.Equal(a, b) {
				t.Fatalf("the one derives %v, the other %v", a, b)
			}
		}
	})
}

// refold starts a replica W back, with everything recorded since.
func refold(t *rapid.T, c *court, points []point) (*verdict.Replica, *ledger.Fold) {
	from := c.now.Add(-longest)
	past := map[ledger.Position]*pb.Decision{}
	for _, p := range points {
		if p.d != nil {
			past[verdict.DecidedAt(p.d)] = p.d
		}
	}
	replica, fold := verdict.NewReplica(verdict.ReplicaConfig{Past: past}), ledger.NewFold(c.zone.Ledger, ledger.NewKeys())
	for _, raw := range c.stored {
		if raw.Time.Before(from) {
			_, _ = fold.Step(c.parser.Parse(raw))
			continue
		}
		if d := derive(t, replica, fold, c.parser, raw); d != nil {
			t.Fatalf("at %d the restarted replica derived %v, which a quorum had recorded", raw.Seq, d)
		}
	}
	return replica, fold
}

func derive(_ *rapid.T, r *verdict.Replica, f *ledger.Fold, parser ledger.Parser, raw ledger.Raw) *pb.Decision {
	rec, err := f.Step(parser.Parse(raw))
	if err != nil {
		return nil
	}
	all, err := r.Step(f, rec, contentsOf(rec))
	if err != nil || len(all) == 0 {
		return nil
	}
	return all[0].Decision
}

// TestReplicaOfAnotherRelease: the same intents under rules that were never in
// force.
func TestReplicaOfAnotherRelease(t *testing.T) {
	c := newCourt(t)
	strict := trusttest.Release(policies(`@id("none") permit (principal, action == Action::"read", resource);`), approvers)
	candidate, err := governance.NewRelease(trust.DigestOf([]byte("candidate")), strict)
	if err != nil {
		t.Fatal(err)
	}
	rules := verdict.Compile(candidate)
	other := verdict.NewReplica(verdict.ReplicaConfig{Rules: func(*governance.Release) *verdict.Rules { return rules }})
	rec := c.mustAppend(schemas.KindIntent, "alice", c.alice.List(schemas.KindIntent, c.zone.Ledger, encode(t, c.intent(c.alice, pay(1)))))
	wantReasons(t, c.step(rec))
	all, err := other.Step(c.fold, rec, contentsOf(rec))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	wantReasons(t, all[0].Decision, policyDefaultDeny)
}
