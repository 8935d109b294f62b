package audit_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// corrupt are single wrongs, each signed by a participant of standing. What is
// found is told as rules and positions, "$" being that of the last record of play,
// "$-1" that of the one before.
var corrupt = []struct {
	name  string
	world func(*pb.Release)
	play  func(w *world)
	want  string
}{
	{"an outcome of no claim", nil, func(w *world) {
		w.report("x1", w.allowed(), ledger.Position{Seq: 2}, pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"an outcome of a claim to come", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, ledger.Position{Seq: w.seq() + 2}, pb.Status_STATUS_EXECUTED)
		w.claim("x1", r)
	}, "outcome.rogue $-1"},
	{"an outcome of a void claim", nil, func(w *world) {
		r := w.ask("alice")
		c := w.claim("x1", r)
		w.decide(one, r)
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"an outcome of a second claim", nil, func(w *world) {
		r := w.allowed()
		w.claim("x1", r)
		w.report("x2", r, w.claim("x2", r), pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"an outcome of another's claim", nil, func(w *world) {
		r := w.allowed()
		w.report("x2", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"an outcome in another's name", nil, func(w *world) {
		r := w.allowed()
		o := w.outcome("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
		w.list(schemas.KindOutcome, "read", "x2", encode(w.tb, o))
	}, "outcome.rogue $"},
	{"an outcome of another intent", nil, func(w *world) {
		r, other := w.allowed(), w.allowed()
		w.report("x1", other, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"a second outcome", nil, func(w *world) {
		r, c := w.executed()
		w.report("x1", r, c, pb.Status_STATUS_FAILED)
	}, "outcome.rogue $"},
	{"an outcome that is none", nil, func(w *world) { w.list(schemas.KindOutcome, "read", "x1", []byte("done")) }, "outcome.rogue $"},
	{"an outcome that nobody has a claim for, in a list", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		good, bad := w.outcome("x1", r, c, pb.Status_STATUS_EXECUTED), w.outcome("x1", r, ledger.Position{Seq: c.Seq, Index: 1}, pb.Status_STATUS_EXECUTED)
		w.list(schemas.KindOutcome, "read", "x1", encode(w.tb, good), encode(w.tb, bad))
	}, "outcome.rogue $.1"},
	{"an outcome that names a head to come", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Head.Number++ })
	}, "governance.mismatch $"},
	{"an outcome that names another head", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Head.Digest[0] ^= 1 })
	}, "governance.mismatch $"},
	{"an outcome that names a head of before its claim", nil, func(w *world) {
		before := w.fold.Governance().Head().Proto()
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		w.pulse()
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Head = before })
	}, "governance.mismatch $"},
	{"an outcome on another tool's subject", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.list(schemas.KindOutcome, "pay", "x1", encode(w.tb, w.outcome("x1", r, c, pb.Status_STATUS_EXECUTED)))
	}, "outcome.rogue $"},
	{"an outcome of a void claim, long after", memory(2 * time.Minute), func(w *world) {
		r := w.allowed()
		halt := w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
		void := w.claim("x1", r)
		w.govern(trusttest.Resume(halt))
		w.pulse()
		w.executed()
		w.pass(3 * time.Minute)
		w.report("x1", r, void, pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"a second outcome, long after", memory(2 * time.Minute), func(w *world) {
		r, c := w.executed()
		w.pass(3 * time.Minute)
		w.report("x1", r, c, pb.Status_STATUS_ABANDONED)
	}, "outcome.rogue $"},
	{"an outcome of what is no claim, long after", memory(2 * time.Minute), func(w *world) {
		r, _ := w.executed()
		w.pass(3 * time.Minute)
		w.report("x2", r, ledger.Position{Seq: 3, Index: 77}, pb.Status_STATUS_EXECUTED)
	}, "outcome.rogue $"},
	{"an action that began nobody knows when", nil, without(pb.Status_STATUS_EXECUTED), "outcome.late $"},
	{"a failure that began nobody knows when", nil, without(pb.Status_STATUS_FAILED), "outcome.late $"},
	{"an interruption that began nobody knows when", nil, without(pb.Status_STATUS_INTERRUPTED), "outcome.late $"},
	{"an action that was abandoned and began", nil, func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_ABANDONED, func(o *pb.Outcome) { o.Started = timestamppb.New(w.now) })
	}, "outcome.rogue $"},
	{"a start before its claim", clocks(time.Second), func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Started = timestamppb.New(w.now.Add(-time.Second - 1)) })
	}, "outcome.rogue $"},
	{"an end before its start", clocks(time.Second), func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.report("x1", r, c, pb.Status_STATUS_FAILED, func(o *pb.Outcome) { o.Finished = timestamppb.New(w.now.Add(-time.Second - 1)) })
	}, "outcome.rogue $"},
	{"a late start of what nobody knows the end of", clocks(time.Second), func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.report("x1", r, c, pb.Status_STATUS_INDETERMINATE, func(o *pb.Outcome) { o.Started = timestamppb.New(w.now.Add(2*time.Second + 1)) })
	}, "outcome.late $"},
	{"a late start behind a longer bound", clocks(100 * time.Millisecond), func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.now = w.now.Add(1500 * time.Millisecond)
		began := w.now
		w.release(clocks(time.Second))
		w.pulse()
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) { o.Started = timestamppb.New(began) })
	}, "outcome.late $"},
	{"a late start", nil, func(w *world) {
		r := w.allowed()
		c := w.claim("x1", r)
		w.report("x1", r, c, pb.Status_STATUS_EXECUTED, func(o *pb.Outcome) {
			o.Started = timestamppb.New(w.now.Add(2250*time.Millisecond + 1))
		})
	}, "outcome.late $"},
	{"a claim without an outcome", nil, func(w *world) {
		w.claim("x1", w.allowed())
		w.pass(10*time.Second + stuckAfter() + time.Second)
	}, "claim.stuck 16.0"},

	{"a claim without an outcome, which governors let pass", nil, func(w *world) {
		w.claim("x1", w.allowed())
		w.pass(10*time.Second + stuckAfter() + time.Second)
		trip := w.govern(trusttest.Trip(), members()["s1"].Key)
		w.govern(trusttest.Resume(trip))
	}, "claim.stuck 16.0"},
	{"a claim without an outcome, by a release that is less patient", patient(-20 * time.Second), func(w *world) {
		w.claim("x1", w.allowed())
		w.pass(10*time.Second + stuckAfter() - 19*time.Second)
	}, "claim.stuck 16.0"},

	{"ALLOW instead of DENY", nil, func(w *world) {
		w.decideOtherwise("e1", w.ask("alice", pay(20000)), func(d *pb.Decision) { d.Verdict, d.Reasons = pb.Verdict_VERDICT_ALLOW, nil })
	}, "replay.mismatch $"},
	{"DENY instead of ALLOW", nil, func(w *world) {
		w.decideOtherwise("e1", w.ask("alice"), func(d *pb.Decision) {
			d.Verdict, d.Reasons = pb.Verdict_VERDICT_DENY_UNSPECIFIED, []pb.Reason{pb.Reason_REASON_HALTED}
		})
	}, "replay.mismatch $"},
	{"another log time", nil, func(w *world) {
		w.decideOtherwise("e1", w.ask("alice"), func(d *pb.Decision) { d.LogTime = timestamppb.New(w.now.Add(-time.Second)) })
	}, "replay.mismatch $"},
	{"another policy", nil, func(w *world) {
		w.decideOtherwise("e1", w.ask("alice"), func(d *pb.Decision) { d.Policies = []string{"large"} })
	}, "replay.mismatch $"},
	{"two that differ", nil, func(w *world) {
		r := w.allowed()
		w.decideOtherwise("e2", r, func(d *pb.Decision) { d.Policies = []string{"large"} })
	}, "decision.divergence $ replay.mismatch $"},
	{"two that differ, after it was done", nil, func(w *world) {
		r, _ := w.executed()
		w.decideOtherwise("e2", r, func(d *pb.Decision) { d.Policies = []string{"large"} })
	}, "decision.divergence $ replay.mismatch $"},
	{"one that differs, after its deadline", nil, func(w *world) {
		r := w.ask("alice")
		w.pass(11 * time.Second)
		w.decideOtherwise("e2", r, func(d *pb.Decision) { d.Policies = []string{"large"} })
	}, "replay.mismatch $"},
	{"a quorum that lies, and an act that rests on it", threshold(2), func(w *world) {
		r := w.ask("alice", pay(20000))
		for _, by := range both {
			w.decideOtherwise(by, r, func(d *pb.Decision) { d.Verdict, d.Reasons, d.Policies = pb.Verdict_VERDICT_ALLOW, nil, nil })
		}
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, "replay.mismatch $-3 replay.mismatch $-2"},
	{"a decision on no intent, and an act that rests on it", nil, func(w *world) {
		r := w.ask("alice")
		r.at = ledger.Position{Seq: 3}
		w.decideOtherwise("e1", r, func(d *pb.Decision) { d.Intent = r.at.Proto() })
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, "replay.mismatch $-2"},
	{"a decision on an intent that nobody made, and an act that rests on it", nil, func(w *world) {
		r := w.ask("alice")
		r.at, r.digest = ledger.Position{Seq: 3}, trust.DigestOf(nil)
		w.decideOtherwise("e1", r, func(d *pb.Decision) { d.Intent, d.IntentDigest = r.at.Proto(), r.digest[:] })
		w.report("x1", r, w.claim("x1", r), pb.Status_STATUS_EXECUTED)
	}, "replay.mismatch $-2 intent.count $-1"},
	{"a decision on an intent to come", nil, func(w *world) {
		r := w.ask("alice")
		w.decideOtherwise("e1", r, func(d *pb.Decision) { d.Intent.Sequence, d.Deadline = w.seq()+10, nil })
	}, "replay.mismatch $"},
	{"a round that no approval opened", nil, func(w *world) {
		r := w.ask("alice")
		w.decideOtherwise("e1", r, func(d *pb.Decision) { d.Round, d.Approval = 1, d.GetIntent() })
	}, "replay.mismatch $"},
	{"a round that nobody could reach", nil, func(w *world) {
		r := w.ask("alice")
		w.decideOtherwise("e1", r, func(d *pb.Decision) { d.Round, d.Approval = 1<<30, d.GetIntent() })
	}, "replay.mismatch $"},
	{"a decision that is none", nil, func(w *world) { w.list(schemas.KindDecision, "read", "e1", []byte("yes")) }, "replay.mismatch $"},
	{"a decision on another tool's subject", nil, func(w *world) {
		w.list(schemas.KindDecision, "pay", "e1", w.ask("alice").due.Data)
	}, "replay.mismatch $"},

	{"a pulse that names a head to come", nil, func(w *world) { w.pulse(func(p *pb.Pulse) { p.Head.Number++ }) }, "governance.mismatch $"},
	{"a pulse that names another head", nil, func(w *world) { w.pulse(func(p *pb.Pulse) { p.Head.Digest[0] ^= 1 }) }, "governance.mismatch $"},
	{"a pulse that read other records", nil, func(w *world) { w.pulse(func(p *pb.Pulse) { p.Span.Digest[0] ^= 1 }) }, "pulse.span $"},
	{"a pulse that read what does not stand yet", nil, func(w *world) { w.pulse(func(p *pb.Pulse) { p.Span.To += 5 }) }, "pulse.span $"},
	{"a pulse that names a tree to come", nil, func(w *world) {
		w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: w.seq() + 1, Root: make([]byte, 32)} })
	}, "checkpoint.fork $"},
	{"a pulse that names another tree", nil, func(w *world) {
		w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: 3, Root: make([]byte, 32)} })
	}, "checkpoint.fork $"},
	{"after a loss, a tree that is lost again", nil, func(w *world) {
		kept := w.seq()
		w.govern(lossOf(&pb.CheckpointHead{Size: kept + 1000, Root: make([]byte, 32)}, kept))
		w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: kept + 900, Root: make([]byte, 32)} })
	}, "checkpoint.fork $"},
	{"after a loss, another tree than that of now", nil, func(w *world) {
		kept := w.seq()
		w.govern(lossOf(&pb.CheckpointHead{Size: kept + 1000, Root: make([]byte, 32)}, kept))
		w.executed()
		w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: kept + 3, Root: make([]byte, 32)} })
	}, "checkpoint.fork $"},
	{"the same lie in every pulse is one finding", nil, func(w *world) {
		for range 3 {
			w.pulse(func(p *pb.Pulse) { p.Head.Digest[0] ^= 1 })
			w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: 3, Root: make([]byte, 32)} })
			w.pulse(func(p *pb.Pulse) { p.Head.Digest[0] ^= 1 })
		}
	}, "governance.mismatch $-8 governance.mismatch $-6 governance.mismatch $-3 governance.mismatch $ checkpoint.fork $-7"},
}

// without is an outcome that does not say when its action began.
func without(status pb.Status) func(w *world) {
	return func(w *world) {
		r := w.allowed()
		w.report("x1", r, w.claim("x1", r), status, func(o *pb.Outcome) { o.Started = nil })
	}
}

// lossOf is a loss that governors sign for.
func lossOf(lost *pb.CheckpointHead, kept uint64) *pb.Governance {
	return &pb.Governance{Record: &pb.Governance_Loss{Loss: &pb.Loss{Lost: lost, Kept: kept, Reason: "the disk broke"}}}
}

// stuckAfter is how long after an action had to end its claim is found.
func stuckAfter() time.Duration {
	rule, _ := schemas.DriftRuleNamed(schemas.DriftClaimStuck)
	return rule.Threshold
}

// decideOtherwise records a decision that is not the one due; it becomes so.
func (w *world) decideOtherwise(by string, r *request, change func(*pb.Decision)) {
	w.tb.Helper()
	d := proto.CloneOf(r.due.Decision)
	change(d)
	r.due.Decision = d
	w.list(schemas.KindDecision, r.due.Decision.GetTool(), by, encode(w.tb, d))
}

func TestCorrupt(t *testing.T) {
	rules := map[audit.Rule]bool{}
	for _, test := range corrupt {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, mutators(test.world)...)
			test.play(w)
			last := w.seq()
			w.checkpoint()
			r := w.export().audit(t)
			if got, want := found(r), wanted(test.want, last); !slices.Equal(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
			for _, f := range r.Findings {
				rules[f.Rule] = true
				wellFormed(t, f)
			}
			if r.Clean() {
				t.Error("it is clean")
			}
		})
	}
	want := []audit.Rule{
		audit.RuleCheckpoint, audit.RuleDivergence, audit.RuleHead, audit.RuleCount, audit.RuleStart,
		audit.RuleRogue, audit.RuleReplay, audit.RuleSpan, audit.RuleStuck,
	}
	for _, rule := range want {
		if !rules[rule] {
			t.Errorf("nothing provokes %s; what does: %v", rule, slices.Sorted(maps.Keys(rules)))
		}
	}
}

// wanted writes out what a table says: "$-2" is two before the last position.
func wanted(text string, last uint64) []string {
	fields := strings.Fields(text)
	var all []string
	for i := 0; i+1 < len(fields); i += 2 {
		at := fields[i+1]
		if rest, relative := strings.CutPrefix(at, "$"); relative {
			var back, index uint64
			if _, err := fmt.Sscanf(rest, "-%d", &back); err != nil {
				_, _ = fmt.Sscanf(rest, ".%d", &index)
			}
			at = ledger.Position{Seq: last - back, Index: uint32(index)}.String()
		}
		all = append(all, fields[i]+" "+at)
	}
	return all
}

// wellFormed holds what is true of every finding about a participant's record.
func wellFormed(t *testing.T, f audit.Finding) {
	t.Helper()
	if _, err := ledger.ParsePosition(f.Position); err != nil || f.Detail == "" || f.LogTime.IsZero() || strings.Contains(f.Detail, "%!") {
		t.Errorf("%+v", f)
	}
	if _, err := trust.ParseIdentity(f.Subject); err != nil {
		t.Errorf("%+v is about %q: %v", f, f.Subject, err)
	}
}

// TestCheckpoints: what a checkpoint beside the records must be.
func TestCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.executed()
	good := w.tree()
	other := func(change func(*lineage.Checkpoint)) []byte {
		c := good
		change(&c)
		return w.sign(c)
	}
	forged := w.sign(good)
	forged[len(forged)-5] ^= 1
	tests := []struct {
		name string
		note []byte
		want string // "" if it fits
	}{
		{"fits", w.sign(good), ""},
		{"another root", other(func(c *lineage.Checkpoint) { c.Root[0] ^= 1 }), "whose root is"},
		{"more records", other(func(c *lineage.Checkpoint) { c.Size++ }), "missing at the end"},
		{"fewer records", other(func(c *lineage.Checkpoint) { c.Size-- }), "whose root is"},
		{"another ledger's", other(func(c *lineage.Checkpoint) {
			c.Origin = lineage.Origin(trusttest.TrustDomain, "z1", trust.DigestOf(nil), 0)
		}), "does not verify"},
		{"a tree after a loss that was none", other(func(c *lineage.Checkpoint) { c.Origin += "/loss-1" }), "does not verify"},
		{"forged", forged, "does not verify"},
		{"unsigned", []byte(good.String() + "\n"), "does not verify"},
		{"nothing", nil, "does not verify"},
		{"one of two signatures", oneSignature(w.sign(good)), "does not verify"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x := w.export()
			x.notes = []note{{w.seq(), test.note}}
			r := x.audit(t)
			if test.want == "" {
				wantClean(t, r)
				return
			}
			if len(r.Findings) != 1 || r.Findings[0].Rule != audit.RuleCheckpoint || !strings.Contains(r.Findings[0].Detail, test.want) {
				t.Errorf("found %+v", r.Findings)
			}
			if r.Tree.Covered != 0 || len(r.Tree.Checkpoints) != 0 {
				t.Errorf("it counts: %+v", r.Tree)
			}
		})
	}
}

// oneSignature is a signed note without its second signature.
func oneSignature(text []byte) []byte {
	lines := strings.SplitAfter(string(text), "\n")
	return []byte(strings.Join(lines[:len(lines)-2], ""))
}

// TestCheckpointOfLongAgo: a checkpoint that comes long after what it covers is
// not judged, and that is said.
func TestCheckpointOfLongAgo(t *testing.T) {
	w := newWorld(t)
	early := w.sign(w.tree())
	a := audit.New(audit.Config{Ledger: w.zone.Ledger, Zone: trusttest.ZoneName})
	for _, raw := range w.tape {
		if err := a.Step(a.Prepare(raw)); err != nil {
			t.Fatal(err)
		}
	}
	for seq := w.seq() + 1; seq <= audit.Remembered+w.seq(); seq++ {
		if err := a.Step(a.Prepare(ledger.Raw{Seq: seq, Time: w.now})); err != nil {
			t.Fatal(err)
		}
	}
	a.Checkpoint(early)
	r := a.Finish()
	wantClean(t, r)
	if r.Tree.Covered != 0 || !slices.ContainsFunc(r.Unjudged, func(s string) bool { return strings.Contains(s, "too far behind") }) {
		t.Errorf("covered %d, unjudged %q", r.Tree.Covered, r.Unjudged)
	}
}

// TestAnchor: whoever anchors to another genesis believes nothing.
func TestAnchor(t *testing.T) {
	w := newWorld(t)
	w.executed()
	w.checkpoint()
	for name, x := range map[string]export{
		"another ledger": {trust.DigestOf(nil), w.tape, w.noted},
		"no ledger":      {trust.Digest{}, w.tape, nil},
		"no records":     {w.zone.Ledger, nil, nil},
	} {
		r := x.audit(t)
		if !slices.Contains(found(r), "ledger.genesis") || r.Intents != 0 || len(r.Tree.Checkpoints) != 0 {
			t.Errorf("%s: %q, %d intents, %+v", name, found(r), r.Intents, r.Tree)
		}
	}
}

// TestMaxFindings: the report lists as many as it is told, and counts the rest;
// whoever listens hears all.
func TestMaxFindings(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.list(schemas.KindDecision, "read", "e1", []byte("yes"))
	}
	heard := 0
	cfg := audit.Config{Ledger: w.zone.Ledger, Zone: trusttest.ZoneName, MaxFindings: 2, Found: func(audit.Finding) { heard++ }}
	r := w.export().run(t, cfg, nil)
	if len(r.Findings) != 2 || r.More != 3 || heard != 5 || r.Clean() {
		t.Errorf("%d listed, %d more, %d heard", len(r.Findings), r.More, heard)
	}
}

// TestRange: an audit that does not begin with genesis judges what it can, and
// says what it cannot.
func TestRange(t *testing.T) {
	w := newWorld(t)
	r := w.allowed()
	c := w.claim("x1", r)
	begins := w.seq() + 1
	w.report("x1", r, c, pb.Status_STATUS_EXECUTED) // of a claim before it
	unsure := w.allowed()
	c = w.claim("x1", unsure)
	w.pulse()
	w.claim("x2", unsure)
	w.report("x1", unsure, c, pb.Status_STATUS_EXECUTED)
	w.executed()
	resent, _ := w.executed()
	w.list(schemas.KindIntent, "alice", "alice", encode(t, resent.intent))
	w.decide(both, resent)
	w.pulse()
	w.checkpoint()
	report := w.audited(t, begins)
	wantClean(t, report)
	if report.Whole || report.First != begins || report.Intents != 2 || report.Final[audit.StateExecuted] != 2 || report.Tree.Covered != 0 || report.Verdicts != 0 || len(report.Unjudged) != 2 {
		t.Errorf("%+v", report)
	}
	rogue, _ := w.executed()
	w.decideOtherwise("e2", rogue, func(d *pb.Decision) { d.Policies = []string{"large"} })
	w.report("x1", rogue, ledger.Position{Seq: w.seq() - 1}, pb.Status_STATUS_EXECUTED)
	if got, want := found(w.audited(t, begins)), wanted("decision.divergence $-1 outcome.rogue $", w.seq()); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestRangeBlinds: nobody hides an act without a claim behind a claim on what
// stands before the range.
func TestRangeBlinds(t *testing.T) {
	w := newWorld(t)
	old := w.allowed()
	begins := w.seq() + 1
	w.pulse()
	w.pass(61 * time.Second)
	r := w.allowed()
	w.report("x1", r, ledger.Position{Seq: w.seq()}, pb.Status_STATUS_EXECUTED)
	w.claim("x1", old)
	if got, want := found(w.audited(t, begins)), wanted("outcome.rogue $-1", w.seq()); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	w.report("x1", r, ledger.Position{Seq: w.seq()}, pb.Status_STATUS_EXECUTED)
	if got, want := found(w.audited(t, begins)), wanted("outcome.rogue $-2 outcome.rogue $", w.seq()); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestRangeWithoutPulse: where nobody pulses, that is what is told.
func TestRangeWithoutPulse(t *testing.T) {
	w := newWorld(t)
	begins := w.seq() + 1
	w.allowed()
	r := w.audited(t, begins)
	wantClean(t, r)
	if r.Intents != 0 || len(r.Unjudged) != 2 || !strings.Contains(r.Unjudged[1], "no pulse") || len(r.Closed) != 0 {
		t.Errorf("%+v", r)
	}
	w.now = w.now.Add(2 * time.Second)
	w.claim("x1", w.allowed())
	r = w.audited(t, begins)
	wantClean(t, r)
	if r.Intents != 1 || r.Void["claim.no_pulse"] != 1 || len(r.Closed) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestPrefixStandsBefore: what is handed over as standing before a range must do
// so, or somebody could govern it twice.
func TestPrefixStandsBefore(t *testing.T) {
	w := newWorld(t)
	begins := w.seq() + 1
	w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_GLOBAL, ""))
	a := audit.New(audit.Config{Ledger: w.zone.Ledger, Zone: trusttest.ZoneName, From: begins})
	for _, raw := range w.tape {
		a.Prefix(a.Prepare(raw))
	}
	for _, raw := range w.tape[begins-1:] {
		if err := a.Step(a.Prepare(raw)); err != nil {
			t.Fatal(err)
		}
	}
	a.Prefix(a.Prepare(w.tape[0]))
	want := []string{"ledger.order " + ledger.Position{Seq: begins}.String(), "ledger.order 1.0"}
	if r := a.Finish(); !slices.Equal(found(r), want) || len(r.Governance) != 1 {
		t.Errorf("found %q, want %q; governed %+v", found(r), want, r.Governance)
	}
}

// audited audits a range.
func (w *world) audited(t *testing.T, from uint64) *audit.Report {
	t.Helper()
	a := audit.New(audit.Config{Ledger: w.zone.Ledger, Zone: trusttest.ZoneName, From: from})
	for _, raw := range w.tape {
		p := a.Prepare(raw)
		if _, kind, _, _ := schemas.LedgerSubject(raw.Subject); raw.Seq < from && (kind == schemas.KindGovernance || kind == schemas.KindCredential) {
			a.Prefix(p)
		} else if raw.Seq >= from {
			if err := a.Step(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range w.noted {
		a.Checkpoint(n.text)
	}
	return a.Finish()
}
