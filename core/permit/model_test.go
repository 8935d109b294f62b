package permit_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// model judges claims as PROTOCOL.md section 8 says it, by looking through
// everything that ever happened. It shares no state and no code with Book, Fold
// or governance.State.
type model struct {
	threshold int
	serves    map[string]bool // executors
	release   trust.Digest
	expires   time.Time

	epoch  uint64
	halts  []haltInForce
	banned map[string]bool
	pulses []ledger.Pulse
	votes  []vote
	claims []claimed // valid ones
}

type haltInForce struct {
	id    trust.Digest
	scope *pb.Scope
}

type vote struct {
	at time.Time // log time
	by trusttest.Member
	d  *pb.Decision
	id trust.Digest // of the decision's bytes
}

type claimed struct {
	at     time.Time
	intent trust.Digest
	seq    uint64
}

// kept is what a book still knows of an intent: it forgets, votes and claim, at
// the moment when every deadline that was named is over.
func (m *model) kept(intent trust.Digest, now time.Time) (votes []vote, claim *claimed) {
	var end time.Time
	for _, v := range m.votes {
		if string(v.d.GetIntentDigest()) != string(intent[:]) {
			continue
		}
		if !end.After(v.at) {
			votes = nil
		}
		votes = append(votes, v)
		if deadline := v.d.GetDeadline().AsTime(); deadline.After(end) || len(votes) == 1 {
			end = deadline
		}
	}
	if len(votes) == 0 || !end.After(now) {
		return nil, nil
	}
	for i, c := range m.claims {
		if c.intent == intent && !c.at.Before(votes[0].at) {
			return votes, &m.claims[i]
		}
	}
	return votes, nil
}

// quorum is the decision of the newest round in which enough enforcers signed
// the same bytes; of several in one round the one that was complete first.
func (m *model) quorum(votes []vote) (found *pb.Decision) {
	for i, v := range votes {
		voters := map[string]bool{}
		for _, earlier := range votes[:i+1] {
			if earlier.id == v.id {
				voters[earlier.by.SPIFFE()] = true
			}
		}
		if len(voters) >= m.threshold && (found == nil || v.d.GetRound() > found.GetRound()) {
			found = v.d
		}
	}
	return found
}

func (m *model) halted(d *pb.Decision) bool {
	return slices.ContainsFunc(m.halts, func(h haltInForce) bool {
		switch h.scope.GetKind() { //nolint:exhaustive // a play halts nothing smaller
		case pb.ScopeKind_SCOPE_KIND_TOOL:
			return h.scope.GetValue() == d.GetTool()
		case pb.ScopeKind_SCOPE_KIND_AGENT:
			return h.scope.GetValue() == d.GetAgent()
		default:
			return true
		}
	})
}

func (m *model) valid(r request, by trusttest.Member, named ledger.Position, now time.Time) bool {
	votes, earlier := m.kept(r.digest, now)
	d := m.quorum(votes)
	if d == nil || earlier != nil || len(m.pulses) == 0 {
		return false
	}
	pulse := m.pulses[len(m.pulses)-1]
	return d.GetVerdict() == pb.Verdict_VERDICT_ALLOW &&
		d.GetIntent().GetSequence() == named.Seq && d.GetIntent().GetIndex() == named.Index &&
		d.GetEpoch() == m.epoch && string(d.GetRelease()) == string(m.release[:]) &&
		now.Before(d.GetDeadline().AsTime()) && now.Before(m.expires) &&
		!m.halted(d) && !m.banned[d.GetAgent()] && !m.banned[by.SPIFFE()] &&
		m.serves[by.ID.Name] && pulse.Fault == nil && now.Sub(pulse.Time) < 2*time.Second
}

// play is a random ledger told to a book and to a model at once. Signatures are
// left out: the fold has tests of its own.
type play struct {
	*world
	t        *rapid.T
	m        *model
	heard    ledger.Pulse
	requests []request
}

func (p *play) Governance() *governance.State { return p.fold.Governance() }
func (p *play) LogTime() time.Time            { return p.now }
func (p *play) Pulse() ledger.Pulse           { return p.heard }

func newPlay(t *rapid.T) *play {
	threshold := rapid.Uint32Range(1, 2).Draw(t, "threshold")
	w := newWorld(t, threshold)
	release := w.fold.Governance().Release()
	return &play{world: w, t: t, m: &model{
		threshold: int(threshold), serves: map[string]bool{"x1": true, "x2": true}, release: release.Digest,
		expires: trusttest.Start.Add(trusttest.ReleaseLife), epoch: 2, banned: map[string]bool{},
	}}
}

func (p *play) one(label string, of []trusttest.Member) trusttest.Member {
	return of[rapid.IntRange(0, len(of)-1).Draw(p.t, label)]
}

func (p *play) wait() {
	p.now = p.now.Add(rapid.SampledFrom([]time.Duration{0, 0, 0, 1, time.Second - 1, time.Second, 2*time.Second - 1, 2 * time.Second, 5 * time.Second}).Draw(p.t, "wait"))
	p.fold.RaiseLogTime(p.now)
	p.book.Expire(p.now)
}

func (p *play) propose() {
	agent := trusttest.ID(pb.Role_ROLE_AGENT, rapid.SampledFrom([]string{"alice", "bob"}).Draw(p.t, "agent"))
	p.requests = append(p.requests, p.request(func(in *pb.Intent) { in.Agent = agent.String() }))
}

func (p *play) pickRequest() (request, bool) {
	if len(p.requests) == 0 {
		return request{}, false
	}
	newest := len(p.requests) - 1
	return p.requests[rapid.IntRange(max(0, newest-3), newest).Draw(p.t, "request")], true
}

// vote is mostly honest. A dishonest enforcer may deny, name an earlier
// deadline, another epoch or release, or a further round.
func (p *play) vote() {
	r, ok := p.pickRequest()
	if !ok {
		return
	}
	d := p.decision(r)
	d.LogTime = timestamppb.New(trusttest.Start) // alike, whenever it is signed
	switch rapid.IntRange(0, 15).Draw(p.t, "vote") {
	case 1:
		d.Verdict = pb.Verdict_VERDICT_DENY_UNSPECIFIED
	case 2:
		d.Deadline = timestamppb.New(r.intent.GetDeadline().AsTime().Add(-time.Duration(rapid.IntRange(1, 9).Draw(p.t, "earlier")) * time.Second))
	case 3:
		d.Epoch++
	case 4:
		d.Release = make([]byte, 32)
	case 5:
		d.Round = 1
	case 6:
		d.Round, d.Verdict = 2, pb.Verdict_VERDICT_DENY_UNSPECIFIED
	}
	by := p.one("enforcer", []trusttest.Member{p.e1, p.e2, p.e3})
	it := item(p.world, d)
	p.book.Decide(p, "read", by.ID, it, d)
	if deadline := d.GetDeadline().AsTime(); deadline.After(p.now) && deadline.Sub(p.now) <= time.Minute {
		p.m.votes = append(p.m.votes, vote{p.now, by, d, it.Digest})
	}
}

func (p *play) beat() {
	p.seq++
	p.heard = ledger.Pulse{Seq: p.seq, Time: p.now}
	if rapid.IntRange(0, 7).Draw(p.t, "fault") == 0 {
		p.heard.Fault = governance.ErrWithheld
	}
	p.m.pulses = append(p.m.pulses, p.heard)
}

func (p *play) governed() {
	alice, x2 := trusttest.ID(pb.Role_ROLE_AGENT, "alice"), p.x2.ID
	switch rapid.IntRange(0, 4).Draw(p.t, "governance") {
	case 0:
		p.haltNow(halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	case 1:
		p.haltNow(halt(pb.ScopeKind_SCOPE_KIND_AGENT, alice.String()))
	case 2:
		p.haltNow(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
	case 3:
		who := []trust.Identity{alice, x2}[rapid.IntRange(0, 1).Draw(p.t, "revoke")]
		p.govern(trusttest.RevokeIdentity(who))
		p.m.banned[who.String()] = true
		p.m.epoch++
	}
}

func (p *play) haltNow(record *pb.Governance) {
	p.m.halts = append(p.m.halts, haltInForce{p.govern(record), record.GetHalt().GetScope()})
	p.m.epoch++
}

func (p *play) resume() {
	if len(p.m.halts) == 0 {
		return
	}
	var ids []trust.Digest
	for _, h := range p.m.halts {
		ids = append(ids, h.id)
	}
	p.govern(trusttest.Resume(ids...))
	p.m.halts = nil
	p.m.epoch++
}

func (p *play) claimOne() {
	r, ok := p.pickRequest()
	if !ok {
		return
	}
	by := p.one("executor", []trusttest.Member{p.x1, p.x2, p.x3})
	if rapid.IntRange(0, 9).Draw(p.t, "elsewhere") == 0 {
		r.at.Index = 1
	}
	p.seq++
	ruling := p.book.Claim(p, "read", by.ID, ledger.Position{Seq: p.seq}, ledger.Item{Bytes: encode(p.t, p.claimOf(r, by))})
	checkRuling(p.t, ruling)
	if want := p.m.valid(r, by, r.at, p.now); ruling.Valid() != want {
		p.t.Fatalf("at %d the claim of %s is void because of %v, the model says valid: %v", p.seq, by.ID.Name, ruling.Void, want)
	}
	if mine := ruling.Valid() && by.ID == p.x1.ID; mine != (ruling.Permit != nil) {
		p.t.Fatalf("at %d: permit %v for a claim that is its owner's: %v", p.seq, ruling.Permit, mine)
	}
	if ruling.Valid() {
		p.m.claims = append(p.m.claims, claimed{p.now, r.digest, p.seq})
	}
}

// TestModel is S1, S2 and S4: the book and the model find the same claims valid,
// whatever happens in whatever order.
func TestModel(t *testing.T) {
	found := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t)
		for range rapid.IntRange(20, 120).Draw(t, "length") {
			p.wait()
			switch kind := rapid.IntRange(0, 29).Draw(t, "record"); {
			case kind < 5:
				p.propose()
			case kind < 14:
				p.vote()
			case kind < 20:
				p.beat()
			case kind < 21:
				p.governed()
			case kind < 23:
				p.resume()
			default:
				p.claimOne()
			}
		}
		seen := map[trust.Digest]bool{}
		for _, c := range p.m.claims {
			if seen[c.intent] {
				t.Fatalf("two valid claims on intent %s (S2)", c.intent.Short())
			}
			seen[c.intent] = true
		}
		found[len(p.m.claims) > 0]++
	})
	if found[true] == 0 && !testing.Short() { // -short plays too few
		t.Error("no play had a valid claim: the property was not tried")
	}
}

var _ permit.View = (*play)(nil)
