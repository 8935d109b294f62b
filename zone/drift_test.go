package zone_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// realDrift is how one rule is provoked in a real zone. Services are those that are
// started; drift provokes it and says what drifts, and mend ends it.
type realDrift struct {
	rule     string
	release  func(*pb.Release)
	services []string
	holds    bool // a condition, which ends when it is mended; else an event
	drift    func(w *drifting) (subject string, mend func())
}

func honest(names ...string) []string { return append([]string{"e1", "x1", "s1"}, names...) }

// says is a drift of a played participant's heartbeats.
func says(name string, change func(w *drifting) func(*pb.Heartbeat)) func(*drifting) (string, func()) {
	return func(w *drifting) (string, func()) {
		p := w.play(name)
		p.says(change(w))
		return name, func() { p.says(nil) }
	}
}

func plainly(change func(*pb.Heartbeat)) func(*drifting) func(*pb.Heartbeat) {
	return func(*drifting) func(*pb.Heartbeat) { return change }
}

var somethingElse = trust.DigestOf([]byte("something else"))

var provoked = []realDrift{
	{
		rule: schemas.DriftHeartbeatMissing, holds: true, services: honest("e2"),
		release: func(r *pb.Release) {
			for _, e := range r.GetDirectory() {
				e.Required = e.GetName() == "e1"
			}
		},
		drift: func(w *drifting) (string, func()) {
			w.stop("e1") // e2 decides on
			return "e1", func() { w.start("e1"); w.ready() }
		},
	},
	{
		// The same keys in two processes; each acts as if it were alone.
		rule: schemas.DriftHeartbeatClone, services: honest(), release: asIs,
		drift: func(w *drifting) (string, func()) {
			other, err := zone.Join(w.config, zone.Broker{URL: w.URL()})
			must(w.t, err)
			must(w.t, other.Start(w.t.Context(), pb.Role_ROLE_EXECUTOR, "x1"))
			w.t.Cleanup(other.Close)
			return "x1", other.Close
		},
	},
	{
		rule: schemas.DriftHeartbeatRegress, services: honest(), release: asIs,
		drift: says("x2", func(w *drifting) func(*pb.Heartbeat) { // it was rolled back to where the ledger began
			w.acts()
			beats := 0
			return func(b *pb.Heartbeat) {
				if beats++; beats > 3 {
					b.Position = 2
				}
			}
		}),
	},
	{
		rule: schemas.DriftReleaseMismatch, holds: true, services: honest(), release: after(schemas.DriftReleaseMismatch, time.Second),
		drift: says("x2", plainly(func(b *pb.Heartbeat) { b.Release = somethingElse[:] })),
	},
	{
		rule: schemas.DriftGovernanceMismatch, services: honest(), release: asIs,
		drift: says("x2", plainly(func(b *pb.Heartbeat) { b.Head.Digest = somethingElse[:] })),
	},
	{
		// What e1 says of its state, with one bit changed.
		rule: schemas.DriftStateMismatch, services: honest(), release: asIs,
		drift: func(w *drifting) (string, func()) {
			p := w.play("e2")
			p.says(func(b *pb.Heartbeat) {
				for _, s := range w.observer.Beats() {
					if s.From.Name == "e1" && len(s.Beat.GetStateDigest()) == 32 {
						b.StatePosition, b.StateDigest = s.Beat.GetStatePosition(), append([]byte(nil), s.Beat.GetStateDigest()...)
						b.StateDigest[31] ^= 1
					}
				}
			})
			return "", func() { p.says(nil) }
		},
	},
	{
		// Two enforcers' decisions differ in one byte. A sentinel sees both, and e1 says in its heartbeat that it has
		// counted one: whichever comes first trips.
		rule: schemas.DriftDecisionDivergence, services: honest(), release: asIs,
		drift: func(w *drifting) (string, func()) {
			w.acts()
			d := new(pb.Decision)
			w.newest(schemas.KindDecision, d)
			d.SessionSequence++
			w.play("e2").item(schemas.KindDecision, d.GetTool(), d)
			return ledger.PositionOf(d.GetIntent()).String() + " or e1", func() {}
		},
	},
	{
		rule: schemas.DriftBuildUnattested, holds: true, services: honest(), release: asIs,
		drift: says("x2", plainly(func(b *pb.Heartbeat) { b.BuildDigest = somethingElse[:] })),
	},
	{
		rule: schemas.DriftClockSkew, holds: true, services: honest(), release: asIs,
		drift: says("x2", plainly(func(b *pb.Heartbeat) { b.Clock = timestamppb.New(time.Now().Add(time.Minute)) })),
	},
	{
		rule: schemas.DriftLagExceeded, holds: true, services: honest(), release: after(schemas.DriftLagExceeded, time.Second),
		drift: says("e2", plainly(func(b *pb.Heartbeat) { b.Position = 3 })),
	},
	{
		// A sentinel that was shown another tree.
		rule: schemas.DriftCheckpointFork, services: honest(), release: asIs,
		drift: func(w *drifting) (string, func()) {
			p := w.play("s2")
			for i, root := range []trust.Digest{somethingElse, theBuild} {
				var head *pb.Head
				var release trust.Digest
				w.look(func(f *ledger.Fold) { head, release = f.Governance().Head().Proto(), f.Governance().Release().Digest })
				payload, err := schemas.Marshal(&pb.Pulse{
					Ledger: w.fabric.Ledger[:], Sentinel: p.m.ID.String(), Incarnation: p.incarnation[:], Counter: uint64(i) + 1,
					Head: head, Release: release[:], Clock: timestamppb.Now(), Checkpoint: &pb.CheckpointHead{Size: 7, Root: root[:]},
				})
				must(w.t, err)
				data, err := trust.Seal(schemas.KindPulse.PayloadType(), payload, p.m.Key)
				must(w.t, err)
				p.append(schemas.Subject("home", schemas.KindPulse, ""), data)
			}
			return "s2", func() {}
		},
	},
	{
		rule: schemas.DriftOutcomeRogue, services: honest(), release: asIs,
		drift: func(w *drifting) (string, func()) {
			w.acts()
			o := new(pb.Outcome)
			w.newest(schemas.KindOutcome, o)
			p := w.play("x2")
			o.Executor = p.m.ID.String() // x1's claim
			return p.item(schemas.KindOutcome, "file-read", o).String(), func() {}
		},
	},
	{
		// The only enforcer that decides is corrupt.
		rule: schemas.DriftReplayMismatch, services: honest(),
		release: rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {}),
		drift: func(w *drifting) (string, func()) {
			w.stop("e1")
			mallory := w.agent("mallory")
			go func() { _, _ = mallory.Propose(w.t.Context(), transferTo("mallory")) }() // what becomes of it does not matter
			in := new(pb.Intent)
			w.until("the intent", func() bool { w.newest(schemas.KindIntent, in); return in.GetTool() == "transfer" })
			at, digest := w.newest(schemas.KindIntent, in)
			var epoch uint64
			var release trust.Digest
			w.look(func(f *ledger.Fold) { epoch, release = f.Governance().Epoch(), f.Governance().Release().Digest })
			w.play("e2").item(schemas.KindDecision, "transfer", &pb.Decision{
				Intent: at.Proto(), IntentDigest: digest[:], Verdict: pb.Verdict_VERDICT_ALLOW, Epoch: epoch, Release: release[:],
				Deadline: in.GetDeadline(), LogTime: timestamppb.Now(), Agent: in.GetAgent(), Session: in.GetSession(), Tool: "transfer", SessionSequence: 1,
			})
			w.start("e1")
			return at.String(), func() {}
		},
	},
	{
		// A handler that ignores its context.
		rule: schemas.DriftClaimStuck, services: honest(), release: after(schemas.DriftClaimStuck, 2*time.Second), holds: true,
		drift: func(w *drifting) (string, func()) {
			letGo := make(chan struct{})
			w.hang(letGo)
			stuck, err := w.agentOf().NewSession()
			must(w.t, err)
			c := new(pb.Claim)
			before, _ := w.newest(schemas.KindClaim, c)
			go func() { _, _ = stuck.Propose(w.t.Context(), readFile(3*time.Second)) }() // it waits for its deadline
			w.until("the claim", func() bool { at, _ := w.newest(schemas.KindClaim, c); return at != before })
			at, _ := w.newest(schemas.KindClaim, c)
			return at.String(), func() { close(letGo) }
		},
	},
	{
		// It expires while the zone works, and is replaced.
		rule: schemas.DriftReleaseStale, services: honest(), holds: true,
		release: func(r *pb.Release) { r.Expires = timestamppb.New(time.Now().Add(20 * time.Second)) },
		drift: func(w *drifting) (string, func()) {
			w.until("a warning", func() bool { return w.finds(pb.Level_LEVEL_WARN, schemas.DriftReleaseStale) })
			return "release 2", func() {
				w.release(func(r *pb.Release) { r.Expires = timestamppb.New(time.Now().Add(30 * 24 * time.Hour)) })
			}
		},
	},
}

func transferTo(whom string) agent.Request {
	arguments := fmt.Appendf(nil, `{"to":%q,"amount":1,"currency":"EUR"}`, whom)
	return agent.Request{Tool: "transfer", Resource: whom, Arguments: arguments, Timeout: 20 * time.Second}
}

// TestEachDriftTripsForReal: on a real broker, with real services, what drifts
// trips; nothing is allowed from there on; the trip latches; governors resume when
// it is mended, and all is as before.
func TestEachDriftTripsForReal(t *testing.T) {
	for _, p := range provoked {
		t.Run(p.rule, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			w := driftingZone(t, p.release, p.services...)
			w.ready()
			w.acts()
			subject, mend := p.drift(w)
			halts := w.tripped(p.rule, subject)
			w.isRefused()
			w.pulsesGoOn() // under the trip, which stays, and stays the only one
			if now := w.halts(); len(now) != len(halts) || now[0].ID != halts[0].ID {
				t.Fatalf("halts %v, before %v", now, halts)
			}
			mend()
			w.until("the drift has ended", func() bool { return !p.holds || !w.finds(pb.Level_LEVEL_TRIP, p.rule) })
			w.resume(halts)
			w.ready()
			w.acts()
			w.pulsesGoOn()
			if now := w.halts(); len(now) != 0 {
				t.Fatalf("after the resume: %v", now)
			}
		})
	}
}

// TestAnotherDefinitionWarns: who asks for a tool by another definition than governors
// signed is refused, sentinels tell of it, and others go on.
func TestAnotherDefinitionWarns(t *testing.T) {
	w := driftingZone(t, asIs, honest()...)
	w.ready()
	other := readFile(patience / 2)
	other.Definition = trust.DigestOf([]byte("what a server offers today"))
	_, err := w.agentOf().Propose(t.Context(), other)
	var refused *agent.Refused
	if !errors.As(err, &refused) || !slices.Contains(refused.Reasons, pb.Reason_REASON_TOOL_DEFINITION) {
		t.Fatalf("another definition: %v", err)
	}
	w.until("the sentinel warns", func() bool { return w.finds(pb.Level_LEVEL_WARN, schemas.DriftToolDefinition) })
	w.acts()
	if now := w.halts(); len(now) != 0 {
		t.Fatalf("it tripped: %v", now)
	}
}

// TestEveryRuleIsProvoked: a rule that nothing shows to trip guards nothing. Those
// that only warn have tests of their own.
func TestEveryRuleIsProvoked(t *testing.T) {
	for _, info := range schemas.DriftRules() {
		if !info.WarnOnly && !slices.ContainsFunc(provoked, func(p realDrift) bool { return p.rule == info.Name }) {
			t.Errorf("nobody provokes %s in a real zone", info.Name)
		}
	}
}

// isRefused has the agent scout ask for something, which must be refused for the
// halt.
func (w *drifting) isRefused() {
	w.t.Helper()
	_, err := w.agentOf().Propose(w.t.Context(), readFile(patience/2))
	var refused *agent.Refused
	if !errors.As(err, &refused) || !slices.Contains(refused.Reasons, pb.Reason_REASON_HALTED) {
		w.t.Fatalf("under the trip: got %v, want a refusal for halted", err)
	}
}

// finds reports whether the sentinel's newest heartbeat tells of a finding.
func (w *drifting) finds(level pb.Level, rule string) bool {
	for _, s := range w.observer.Beats() {
		for _, d := range s.Beat.GetFindings() {
			if d.GetRule() == rule && d.GetLevel() == level {
				return true
			}
		}
	}
	return false
}
