package zone

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Preview is what lifting some halts would do.
type Preview struct {
	State    *governance.State // as it is now
	LogTime  time.Time
	Halts    []governance.Halt // that would be lifted, oldest first
	Payloads [][]byte          // of their records, in that order: each digest is a halt's id
	Again    []Again

	// Denied is how many intents were denied as halted since the oldest of the
	// halts, and would not be halted any more. Whole says that all were counted.
	Denied int
	Whole  bool
}

// Again is what the directory grants to an agent and no halt would stop any more.
// Policies and limits still judge every intent.
type Again struct {
	Agent   string // name
	Session string // "" means every session
	Tools   []string
}

// countWithin bounds the time spent on counting what was denied.
const countWithin = 5 * time.Second

// Preview says what lifting the halts with the given ids would do. It appends
// nothing.
func (g *Governing) Preview(ctx context.Context, ids []trust.Digest) (Preview, error) {
	records, err := feed.Rest(ctx, g.conn, g.f.Zone, 0)
	if err != nil {
		return Preview{}, err
	}
	now, _ := foldOf(g.f, records)
	kept, payloads := without(records, ids)
	after, _ := foldOf(g.f, kept)
	p := Preview{State: now.Governance(), LogTime: now.LogTime()}
	if p.State.Release() == nil {
		return Preview{}, errors.New("zone: no release is in force: nothing is allowed, whatever is lifted; publish one first")
	}
	for _, h := range p.State.Halts() {
		if slices.Contains(ids, h.ID) {
			p.Halts, p.Payloads = append(p.Halts, h), append(p.Payloads, payloads[h.ID])
		}
	}
	if len(p.Halts) != len(ids) {
		return Preview{}, errors.New("zone: not all of these halts are in force; list them with: portcullis resume")
	}
	if len(p.Halts) == 0 {
		return Preview{}, errors.New("zone: nothing is halted")
	}
	p.Again = again(p.State, after.Governance(), p.Halts)
	p.Denied, p.Whole, err = g.denied(ctx, p.Halts[0].Sequence, after.Governance())
	return p, err
}

// without leaves out the records with the given payloads. A ledger on which the
// halts had never been is one on which they are lifted, as far as halts go: no
// resume that took effect has named them, since they are in force.
func without(records []ledger.Raw, ids []trust.Digest) (kept []ledger.Raw, payloads map[trust.Digest][]byte) {
	payloads = make(map[trust.Digest][]byte, len(ids))
	for _, raw := range records {
		env, err := trust.ParseEnvelope(raw.Data)
		if err == nil && slices.Contains(ids, trust.DigestOf(env.Payload)) {
			payloads[trust.DigestOf(env.Payload)] = env.Payload
			continue
		}
		kept = append(kept, raw)
	}
	return kept, payloads
}

// again lists, agent by agent, what is halted before and not after.
func again(before, after *governance.State, lifted []governance.Halt) (all []Again) {
	for _, entry := range before.Release().Proto.GetDirectory() {
		if entry.GetRole() != pb.Role_ROLE_AGENT {
			continue
		}
		id := trust.Identity{TrustDomain: before.TrustDomain(), Zone: before.Zone(), Role: entry.GetRole(), Name: entry.GetName()}
		told := []string{} // for every session
		for _, session := range append([]string{""}, sessionsOf(id, lifted)...) {
			one := Again{Agent: id.Name, Session: session}
			for _, tool := range entry.GetTools() {
				target := governance.Target{Zone: before.Zone(), Tool: tool, Agent: id.String(), Session: session}
				_, was := before.Halted(target)
				if _, is := after.Halted(target); was && !is && !slices.Contains(told, tool) {
					one.Tools = append(one.Tools, tool)
				}
			}
			if len(one.Tools) > 0 {
				all = append(all, one)
			}
			if session == "" {
				told = one.Tools
			}
		}
	}
	return all
}

// sessionsOf are the sessions of an agent that some of the halts are about.
func sessionsOf(agent trust.Identity, halts []governance.Halt) (sessions []string) {
	for _, h := range halts {
		if h.Scope.GetKind() == pb.ScopeKind_SCOPE_KIND_SESSION && h.Scope.GetValue() == agent.String() && !slices.Contains(sessions, h.Scope.GetSession()) {
			sessions = append(sessions, h.Scope.GetSession())
		}
	}
	return sessions
}

// denied counts the intents that were denied as halted from a position on, and
// that after would not halt.
func (g *Governing) denied(ctx context.Context, from uint64, after *governance.State) (n int, whole bool, err error) {
	last, err := g.conn.Last(ctx)
	if err != nil {
		return 0, false, err
	}
	counting, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	seen := make(map[trust.Digest]bool)
	err = feed.Until(counting, feed.Config{
		Conn: g.conn, Zone: g.f.Zone, Ledger: g.f.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler), FromSeq: from,
		Skip: []schemas.Kind{schemas.KindIntent, schemas.KindClaim, schemas.KindOutcome, schemas.KindApproval},
	}, last, decisionsAhead, func(_ *ledger.Fold, ev feed.Event[[]*pb.Decision]) error {
		for _, d := range ev.Ahead {
			if ev.Noise == nil && haltedNoMore(d, after) {
				seen[trust.DigestIn(d.GetIntentDigest())] = true
			}
		}
		return nil
	})
	if err != nil && counting.Err() != nil && ctx.Err() == nil {
		return len(seen), false, nil
	}
	return len(seen), err == nil, err
}

// haltedNoMore reports whether a decision denies for a halt, and after has none
// that would.
func haltedNoMore(d *pb.Decision, after *governance.State) bool {
	if d == nil || !slices.Contains(d.GetReasons(), pb.Reason_REASON_HALTED) {
		return false
	}
	_, still := after.Halted(governance.Target{Zone: after.Zone(), Tool: d.GetTool(), Agent: d.GetAgent(), Session: d.GetSession()})
	return !still
}

// ResumeVote counts the governors who have signed a resume, by the release in
// force. Those whose key was revoked neither count nor are missed.
func ResumeVote(state *governance.State, resume *trust.Envelope) fabric.Vote {
	if state.Release() == nil {
		return fabric.Vote{} // never enough
	}
	return governorVote(state, resume, state.Release().Proto.GetThresholds().GetResume())
}

func governorVote(state *governance.State, record *trust.Envelope, needed uint32) fabric.Vote {
	vote := fabric.Vote{Needed: int(needed)}
	signed := record.Signers(state.Governors())
	for _, governor := range state.Release().Proto.GetGovernors() {
		key := trust.DigestOf(governor.GetPublicKey())
		if _, may := state.Governors()[key]; !may {
			continue
		}
		if _, has := signed[key]; has {
			vote.Signed = append(vote.Signed, governor.GetName())
		} else {
			vote.Missing = append(vote.Missing, governor.GetName())
		}
	}
	return vote
}

// StillTripping lists the findings for which a sentinel would trip again as soon
// as the lifted trips are: same rule and same subject, at the level of a trip, and
// not of a rule that the resume settles.
func (s *Status) StillTripping(lifted []governance.Halt) (all []Finding) {
	for _, f := range s.Findings {
		same := func(h governance.Halt) bool { return h.Rule == f.GetRule() && h.Subject == f.GetSubject() }
		info, _ := schemas.DriftRuleNamed(f.GetRule())
		if !info.Settles && f.GetLevel() == pb.Level_LEVEL_TRIP && slices.ContainsFunc(lifted, same) {
			all = append(all, f)
		}
	}
	return all
}
