package audit_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// honest are stories in which everybody does right: no finding, and every intent
// has the final state that is told here.
var honest = []struct {
	name  string
	world func(*pb.Release)
	play  func(w *world)
	final map[audit.State]uint64
	void  map[string]uint64
	open  uint64
}{
	{"nothing", nil, func(*world) {}, nil, nil, 0},
	{"allow", nil, func(w *world) { w.executed() }, final(audit.StateExecuted), nil, 0},
	{"deny", nil, func(w *world) {
		w.decide(one, w.ask("alice", pay(20000)))
		w.pass(11 * time.Second)
	}, final(audit.StateDenied), nil, 0},
	{"decided in time, told later", nil, func(w *world) {
		r := w.ask("alice")
		w.pass(11 * time.Second)
		w.decide(one, r) // it counts for nothing, and is not wrong
	}, final(audit.StateExpired), nil, 0},
	{"nobody decides", nil, func(w *world) {
		w.ask("alice")
		w.pass(11 * time.Second)
	}, final(audit.StateExpired), nil, 0},
	{"nobody claims", nil, func(w *world) {
		w.allowed()
		w.pass(11 * time.Second)
	}, final(audit.StateExpired), nil, 0},
	{"an evaluation", nil, func(w *world) { w.decide(one, w.ask("alice", pay(5), only)) }, final(audit.StateEvaluated), nil, 0},
	{"an evaluation is denied", nil, func(w *world) { w.decide(one, w.ask("alice", pay(20000), only)) }, final(audit.StateDenied), nil, 0},
	{"an evaluation is claimed", nil, func(w *world) {
		r := w.ask("alice", pay(5), only)
		w.decide(one, r)
		w.claim("x1", r)
		w.pass(11 * time.Second)
	}, final(audit.StateEvaluated), map[string]uint64{"claim.evaluation": 1}, 0},
	{"not over yet", nil, func(w *world) { w.allowed() }, nil, nil, 1},
	{"running", nil, func(w *world) { w.claim("x1", w.allowed()) }, nil, nil, 1},
	{"void: halted", nil, func(w *world) {
		r := w.allowed()
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
		w.claim("x1", r)
		w.pass(11 * time.Second)
	}, final(audit.StateVoid), map[string]uint64{"claim.halted": 1}, 0},
	{"undecided and claimed", nil, func(w *world) {
		w.claim("x1", w.ask("alice"))
		w.pass(11 * time.Second)
	}, final(audit.StateExpired), map[string]uint64{"claim.undecided": 1}, 0},
	{"denied and claimed", nil, func(w *world) {
		r := w.ask("alice", pay(20000))
		w.decide(one, r)
		w.claim("x1", r)
		w.pass(11 * time.Second)
	}, final(audit.StateDenied), map[string]uint64{"claim.denied": 1}, 0},
	{"void, then valid", nil, func(w *world) {
		r := w.ask("alice")
		w.claim("x2", r)
		w.decide(one, r)
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
		w.claim("x2", r)
	}, final(audit.StateExecuted), map[string]uint64{"claim.undecided": 1, "claim.second": 1}, 0},
	{"second claim", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.claim("x2", r)
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED)
	}, final(audit.StateExecuted), map[string]uint64{"claim.second": 1}, 0},
	{"failed", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_FAILED)
	}, final(audit.StateFailed), nil, 0},
	{"abandoned", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_ABANDONED)
	}, final(audit.StateAbandoned), nil, 0},
	{"interrupted", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.govern(trusttest.Trip(), members()["s1"].Key)
		w.report("x1", r, c, pb.Status_STATUS_INTERRUPTED)
	}, final(audit.StateInterrupted), nil, 0},
	{"a crash", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.pass(12 * time.Second)
		w.report("x1", r, c, pb.Status_STATUS_INDETERMINATE, func(o *pb.Outcome) { o.Started = nil })
	}, final(audit.StateIndeterminate), nil, 0},
	{"a late outcome", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		began := w.now
		w.pass(14 * time.Second)
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Started = timestamppb.New(began) })
	}, final(audit.StateExecuted), nil, 0},
	{"a release shortens the start bound while an action runs", clocks(time.Second), func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.now = w.now.Add(1900 * time.Millisecond)
		began := w.now
		w.release(clocks(100 * time.Millisecond))
		w.pulse()
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Started = timestamppb.New(began) })
	}, final(audit.StateExecuted), nil, 0},
	{"clocks that differ by as much as they may", clocks(time.Second), func(w *world) {
		for _, off := range []time.Duration{-time.Second, 2 * time.Second} {
			r := w.allowed()
			c := w.claim("x1", r)
			began := w.now.Add(off)
			w.report("x1", r, c, pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) {
				o.Started, o.Finished = timestamppb.New(began), timestamppb.New(began.Add(-time.Second))
			})
		}
	}, map[audit.State]uint64{audit.StateExecuted: 2}, nil, 0},
	{"the broker's clock goes back, and log time stands still", nil, func(w *world) {
		w.now = w.now.Add(time.Second)
		w.pulse()
		w.now = w.now.Add(1500 * time.Millisecond)
		_, _ = w.put("", nil)
		w.now = w.now.Add(-5 * time.Second)
		w.executed()
	}, final(audit.StateExecuted), nil, 0},
	{"an action that nobody knows the end of", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_INDETERMINATE)
	}, final(audit.StateIndeterminate), nil, 0},
	{"the release is patient", patient(time.Hour), func(w *world) {
		w.claim("x1", w.allowed())
		w.pass(10*time.Second + stuckAfter() + time.Minute)
	}, nil, nil, 1},
	{"an intent twice in a list", nil, func(w *world) {
		in := w.intent("alice")
		item := encode(w.tb, in)
		w.list(schemas.KindIntent, "alice", "alice", item, item)
		r := w.open[trust.DigestOf(item)]
		w.decide(one, r)
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, final(audit.StateExecuted), nil, 0},
	{"a re-send while its claim is open", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.pass(11 * time.Second)
		w.list(schemas.KindIntent, "alice", "alice", encode(w.tb, r.intent))
		w.decide(one, w.open[r.digest])
		w.report("x1", r, c, pb.Status_STATUS_INDETERMINATE, func(o *pb.Outcome) { o.Started = nil })
		w.pass(2 * time.Second)
	}, final(audit.StateIndeterminate, audit.StateExpired), nil, 0},
	{"the whole zone down, its executor not yet back", nil, func(w *world) {
		w.claim("x1", w.allowed())
		w.now = w.now.Add(time.Hour)
		w.pulse()
	}, nil, nil, 1},
	{"the same outcome again", nil, func(w *world) {
		r := w.allowed()
		o := encode(w.tb, w.outcome("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED))
		w.list(schemas.KindOutcome, "read", "x1", o)
		w.list(schemas.KindOutcome, "read", "x1", o)
	}, final(audit.StateExecuted), nil, 0},
	{"two enforcers, one of them late", threshold(1), func(w *world) {
		r, _ := w.executed()
		w.decide([]string{"e2", "e1"}, r)
		w.pass(11 * time.Second)
		w.decide(both, r)
	}, final(audit.StateExecuted), nil, 0},
	{"quorum of two", threshold(2), func(w *world) {
		r := w.ask("alice")
		w.decide(one, r)
		w.claim("x2", r)
		w.decide([]string{"e2"}, r)
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, final(audit.StateExecuted), map[string]uint64{"claim.undecided": 1}, 0},
	{"half a quorum", threshold(2), func(w *world) {
		w.allowed()
		w.pass(11 * time.Second)
	}, final(audit.StateExpired), nil, 0},
	{"approved by two", nil, func(w *world) {
		r := w.ask("bob", pay(500))
		w.decide(both, r)
		for _, by := range []string{"p1", "p2"} {
			w.answer(by, r, true)
			w.decide(both, r)
		}
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, final(audit.StateExecuted), nil, 0},
	{"approved by one", nil, func(w *world) {
		r := w.ask("bob", pay(500))
		w.decide(one, r)
		w.answer("p1", r, true)
		w.decide(one, r)
		w.pass(11 * time.Second)
	}, final(audit.StateDenied), nil, 0},
	{"refused", nil, func(w *world) {
		r := w.ask("bob", pay(500))
		w.decide(one, r)
		w.answer("p1", r, false)
		w.decide(one, r)
		w.pass(11 * time.Second)
	}, final(audit.StateDenied), nil, 0},
	{"refused after it was done", nil, func(w *world) {
		r := w.ask("bob", pay(500))
		w.decide(one, r)
		for _, by := range []string{"p1", "p2"} {
			w.answer(by, r, true)
			w.decide(one, r)
		}
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
		w.answer("p1", r, false)
		w.decide(both, r)
	}, final(audit.StateExecuted), nil, 0},
	{"halt and resume", nil, func(w *world) {
		halt := w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "read"))
		w.decide(one, w.ask("alice"))
		w.govern(trusttest.Resume(halt))
		w.executed()
		w.pass(11 * time.Second)
	}, final(audit.StateDenied, audit.StateExecuted), nil, 0},
	{"a governed change under way", nil, func(w *world) {
		r := w.allowed()
		w.release(func(p *pb.Release) { p.Bounds.MaxSessions = 17 })
		w.claim("x1", r)
		w.executed()
		w.pass(11 * time.Second)
	}, final(audit.StateVoid, audit.StateExecuted), map[string]uint64{"claim.stale_epoch": 1}, 0},
	{"a release shortens the longest deadline, and an older intent is decided late", nil, func(w *world) {
		r := w.ask("alice", within(50*time.Second))
		w.release(maxDeadline(5 * time.Second))
		w.pass(20 * time.Second)
		w.decide(one, r)
		w.pass(31 * time.Second)
	}, final(audit.StateExpired), nil, 0},
	{"a release shortens the longest deadline, and the second enforcer is slow", nil, func(w *world) {
		r, _ := w.executed(within(50 * time.Second))
		w.release(maxDeadline(5 * time.Second))
		w.pass(20 * time.Second)
		w.decide([]string{"e2"}, r)
	}, final(audit.StateExecuted), nil, 0},
	{"revoked", nil, func(w *world) {
		r := w.allowed()
		w.govern(trusttest.RevokeIdentity(members()["x1"].ID))
		_, _ = w.put("fabric.z1.claim.read", members()["x1"].List(schemas.KindClaim, w.zone.Ledger, w.claimOf("x1", r)))
		w.pass(11 * time.Second)
	}, final(audit.StateExpired), nil, 0},
	{"a re-send", nil, func(w *world) {
		r, _ := w.executed()
		w.list(schemas.KindIntent, "alice", "alice", encode(w.tb, r.intent))
		w.pass(11 * time.Second)
	}, final(audit.StateExecuted), nil, 0},
	{"a re-send behind its deadline", nil, func(w *world) {
		r, _ := w.executed()
		w.pass(11 * time.Second)
		w.list(schemas.KindIntent, "alice", "alice", encode(w.tb, r.intent))
		w.decide(one, w.open[r.digest])
		w.pass(2 * time.Second)
	}, final(audit.StateExecuted, audit.StateExpired), nil, 0},
	{"an unreadable list", nil, func(w *world) {
		rec := w.append(schemas.KindIntent, "alice", members()["alice"].List(schemas.KindIntent, trust.DigestOf(nil), []byte("x"), []byte("y")))
		w.decide(one, w.open[rec.PayloadDigest])
		w.pass(61 * time.Second)
	}, final(audit.StateDenied), nil, 0},
	{"an unreadable item among others", nil, func(w *world) {
		item := encode(w.tb, w.intent("alice"))
		w.list(schemas.KindIntent, "alice", "alice", item, []byte("\xff\xff"))
		good, bad := w.open[trust.DigestOf(item)], w.open[trust.DigestOf([]byte("\xff\xff"))]
		w.decide(one, good)
		w.decide(one, bad)
		w.report("x1", good, w.claim("x1", good), pb.Status_STATUS_EXECUTED)
		w.pass(61 * time.Second)
	}, final(audit.StateDenied, audit.StateExecuted), nil, 0},
	{"lists of many", nil, func(w *world) {
		all := w.propose("bob", w.many("bob", "long", 40)...)
		w.decide(one, all...)
		c := w.claim("x2", all...)
		outcomes := make([][]byte, len(all))
		for i, r := range all {
			outcomes[i] = encode(w.tb, w.outcome("x2", r, ledger.Position{Seq: c.Seq, Index: uint32(i)}, pb.Status_STATUS_EXECUTED))
		}
		w.list(schemas.KindOutcome, "read", "x2", outcomes...)
	}, map[audit.State]uint64{audit.StateExecuted: 40}, nil, 0},
	{"noise on every subject", nil, func(w *world) {
		for _, subject := range []string{"pulse", "governance", "approval", "intent.alice", "decision.read", "claim.read", "outcome.read", "credential.x1", "verdict"} {
			if _, err := w.put("fabric.z1."+subject, []byte(`{"stream":"LEDGER_z1","seq":7}`)); err == nil {
				w.tb.Errorf("%s is taken for a record", subject)
			}
		}
		_, _ = w.put("", []byte("with headers of its own"))
		w.executed()
	}, final(audit.StateExecuted), nil, 0},
	{"a copy of everything", nil, func(w *world) {
		w.executed()
		for _, raw := range slices.Clone(w.tape) {
			_, _ = w.put(raw.Subject, raw.Data)
		}
	}, final(audit.StateExecuted), map[string]uint64{"claim.second": 1}, 0},
	{"copies, long after", memory(time.Minute), func(w *world) {
		w.executed()
		copies := slices.Clone(w.tape)
		w.pass(2 * time.Minute)
		for _, raw := range copies {
			_, _ = w.put(raw.Subject, raw.Data)
		}
		w.pass(2 * time.Second)
	}, final(audit.StateExecuted, audit.StateExpired), map[string]uint64{"claim.undecided": 1}, 0},
	{"another sentinel takes over", nil, func(w *world) {
		w.executed()
		w.pulseOf("s2")
		w.executed()
		w.pulse()
	}, map[audit.State]uint64{audit.StateExecuted: 2}, nil, 0},
	{"pulses name checkpoints", nil, func(w *world) {
		w.executed()
		w.checkpoint()
		w.pulse()
		w.executed()
		w.pulse()
	}, map[audit.State]uint64{audit.StateExecuted: 2}, nil, 0},
	{"sealed", nil, func(w *world) {
		w.executed()
		w.govern(&pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "it is full"}}})
		w.decide(one, w.ask("alice"))
		w.pass(11 * time.Second)
	}, final(audit.StateExecuted, audit.StateDenied), nil, 0},
	{"an intent that is far too long, and one without a deadline that could be", nil, func(w *world) {
		for _, d := range []time.Duration{time.Hour * 24 * 365 * 200, -time.Hour} {
			w.decide(one, w.ask("alice", within(d)))
		}
		w.pass(61 * time.Second)
	}, final(audit.StateDenied, audit.StateExpired), nil, 0},
}

// clocks lets an action start as long after its claim as clocks may differ.
func clocks(d time.Duration) func(*pb.Release) {
	return func(r *pb.Release) { r.Bounds.Start, r.Bounds.MaxClockSkew = durationpb.New(d), durationpb.New(d) }
}

// patient lets an outcome be missing for longer.
func patient(d time.Duration) func(*pb.Release) {
	return func(r *pb.Release) {
		r.Drift = append(r.Drift, &pb.DriftRule{Rule: schemas.DriftClaimStuck, Threshold: durationpb.New(stuckAfter() + d)})
	}
}

func memory(d time.Duration) func(*pb.Release) {
	return func(r *pb.Release) { r.Bounds.Memory = durationpb.New(d) }
}

func only(in *pb.Intent) { in.Evaluation = true }

func final(states ...audit.State) map[audit.State]uint64 {
	all := map[audit.State]uint64{}
	for _, s := range states {
		all[s]++
	}
	return all
}

func TestHonest(t *testing.T) {
	for _, test := range honest {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, mutators(test.world)...)
			test.play(w)
			w.checkpoint()
			r := w.export().audit(t)
			wantClean(t, r)
			if !maps.Equal(r.Final, test.final) || r.Open != test.open || !maps.Equal(r.Void, test.void) {
				t.Errorf("final %v, open %d, void %v; want %v, %d, %v", r.Final, r.Open, r.Void, test.final, test.open, test.void)
			}
			if r.Tree.Size != w.seq() || r.Tree.Covered != w.seq() || r.First != 1 || r.Last != w.seq() {
				t.Errorf("tree %+v of positions %d to %d", r.Tree, r.First, r.Last)
			}
			wantCounted(t, w, r)
		})
	}
}

func mutators(one func(*pb.Release)) []func(*pb.Release) {
	if one == nil {
		return nil
	}
	return []func(*pb.Release){one}
}

// wantCounted holds what is true of every report: each record is of a kind or
// noise, and each intent has one final state or none yet.
func wantCounted(t *testing.T, w *world, r *audit.Report) {
	t.Helper()
	var all, ends uint64
	for _, n := range r.Records {
		all += n
	}
	for _, n := range r.Noise {
		all += n
	}
	for _, n := range r.Final {
		ends += n
	}
	if all != w.seq() || ends+r.Open != r.Intents || r.Verdicts < r.Intents {
		t.Errorf("%d records and noise of %d; %d final states and %d open of %d intents, %d verdicts", all, w.seq(), ends, r.Open, r.Intents, r.Verdicts)
	}
	if uint64(len(r.Governance)) != w.fold.Governance().Epoch() {
		t.Errorf("%d governance records, epoch %d", len(r.Governance), w.fold.Governance().Epoch())
	}
	if r.Ledger != w.zone.Ledger.String() || r.Zone != trusttest.ZoneName || r.TrustDomain != trusttest.TrustDomain || !r.Whole {
		t.Errorf("of ledger %s in %s, %s", r.Ledger, r.Zone, r.TrustDomain)
	}
}

// TestLoss: what governors have signed for is no finding; a new tree has the next
// origin.
func TestLoss(t *testing.T) {
	w := newWorld(t)
	w.executed()
	w.checkpoint()
	old, kept := w.seen, w.seq()
	for range 20 { // these will be lost, and s1 has seen a checkpoint over them
		w.edge.Append(leaf(ledger.Raw{Seq: w.edge.Size() + 1}, w.now))
	}
	w.checkpoint()
	lost := w.seen
	w.edge = edgeOf(w)
	w.noted = w.noted[:1]
	w.pulse() // names a tree beyond its own position
	for w.seq() < lost.GetSize() {
		w.pulse()
	}
	w.pulse() // and here one that was long passed, with another root
	unsigned := w.export().audit(t)
	if len(unsigned.Findings) == 0 || unsigned.Findings[0].Rule != audit.RuleCheckpoint {
		t.Errorf("nobody signed for the loss, and it is found: %v", unsigned.Findings)
	}
	unaware := w.fold.Governance().Head().Proto()
	signed := w.seq() + 1
	w.govern(lossOf(lost, kept))
	w.pulse(func(p *pb.Pulse) { p.Head = unaware }) // it was under way when governors signed
	w.seen = nil
	w.pulse()
	w.checkpoint()
	w.executed()
	w.pulse()
	w.checkpoint()
	r := w.export().audit(t)
	wantClean(t, r)
	if r.Tree.Covered != w.seq() || len(r.Tree.Checkpoints) != 3 {
		t.Errorf("%+v", r.Tree)
	}
	if old.GetSize() != kept {
		t.Errorf("kept %d of %d", kept, old.GetSize())
	}
	if want := fmt.Sprintf("positions %d to %d before the loss that governors signed for at %d", kept+1, lost.GetSize(), signed); !unjudged(r, want) {
		t.Errorf("unjudged: %q, want %q", r.Unjudged, want)
	}
}

// TestLossExcusesNoMore: governors signed for what was lost behind what was kept.
func TestLossExcusesNoMore(t *testing.T) {
	w := newWorld(t)
	w.executed()
	kept := w.seq()
	w.seen = &pb.CheckpointHead{Size: kept - 1, Root: make([]byte, 32)}
	w.pulse()
	w.seen = &pb.CheckpointHead{Size: kept + 50, Root: make([]byte, 32)}
	w.pulse()
	w.seen = nil
	w.govern(lossOf(&pb.CheckpointHead{Size: kept + 20, Root: make([]byte, 32)}, kept))
	w.checkpoint()
	want := []string{"checkpoint.fork " + ledger.Position{Seq: kept + 1}.String(), "checkpoint.fork " + ledger.Position{Seq: kept + 2}.String()}
	if got := found(w.export().audit(t)); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestClosed: when nothing at all could start, and why.
func TestClosed(t *testing.T) {
	w := newWorld(t)
	w.pass(time.Second)
	halt := w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	halted := w.now
	w.pass(time.Second)
	w.govern(trusttest.Resume(halt))
	resumed := w.now
	w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay")) // not everything
	w.pulse()
	stale := w.now.Add(2 * time.Second)
	w.now = w.now.Add(time.Minute)
	w.pulse()
	fresh := w.now
	stops := w.now.Add(2 * time.Second)
	w.now = w.now.Add(trusttest.ReleaseLife)
	_, _ = w.put("", nil) // noise brings the time
	r := w.export().audit(t)
	wantClean(t, r)
	want := []audit.Closed{
		{From: r.Begun, Until: w.tape[len(names)+2].Time, Why: "no release"},
		{From: halted, Until: resumed, Why: "halted"},
		{From: stale, Until: fresh, Why: "no pulse"},
		{From: stops, Why: "no pulse"},
	}
	if !slices.Equal(r.Closed, want) {
		t.Errorf("closed\n%v, want\n%v", r.Closed, want)
	}
}

// TestGovernance: what was governed is told, in order.
func TestGovernance(t *testing.T) {
	w := newWorld(t)
	halt := w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	trip := w.govern(trusttest.Trip(), members()["s1"].Key)
	w.govern(trusttest.Resume(halt, trip))
	w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_DRILL, ""))
	w.govern(trusttest.RevokeKey(trusttest.Key("nobody").ID()))
	w.release()
	w.govern(&pb.Governance{Record: &pb.Governance_Seal{Seal: &pb.Seal{Reason: "it is full"}}})
	r := w.export().audit(t)
	wantClean(t, r)
	var kinds []string
	for i, g := range r.Governance {
		kinds = append(kinds, g.Kind)
		epoch := uint64(i) + 1
		if i >= slices.Index(kinds, "drill") && slices.Contains(kinds, "drill") {
			epoch-- // a drill moves nothing
		}
		if g.Epoch != epoch || g.Text == "" || len(g.Signers) == 0 || !w.tape[g.Position-1].Time.Equal(g.LogTime) {
			t.Errorf("%+v", g)
		}
	}
	if want := "genesis release halt trip resume drill revoke release seal"; strings.Join(kinds, " ") != want {
		t.Errorf("%q, want %q", kinds, want)
	}
}

func edgeOf(w *world) (e lineage.Edge) {
	logTime := time.Time{}
	for _, raw := range w.tape {
		if raw.Time.After(logTime) {
			logTime = raw.Time
		}
		e.Append(leaf(raw, logTime))
	}
	return e
}
