package drift_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestWaiting(t *testing.T) {
	tests := []struct {
		name    string
		happens func(w *world)
		want    string
	}{
		{"nothing was heard", func(*world) {}, "waiting for its own heartbeat"},
		{"itself alone", func(w *world) { w.beat("s1") }, "waiting for e1"},
		{"before it heard itself", func(w *world) { w.beat("e1"); w.beat("s1") }, "waiting for e1"},
		{"all that are required", func(w *world) { w.beat("s1"); w.beat("e1") }, ""},
		{"another one", func(w *world) { w.beat("s1"); w.beat("e2") }, "waiting for e1"},
		{"a required recorder that compares the ledger yet", func(w *world) {
			w.release(entry("r1", require))
			w.pass(2, changed("r1", func(b *pb.Heartbeat) { b.Started = false }))
		}, "waiting for r1"},
		{"a required recorder that has compared it", func(w *world) { w.release(entry("r1", require)); w.pass(2, nil) }, ""},
		{"it no longer hears itself", func(w *world) { w.beat("s1"); w.beat("e1"); w.pass(5, nil, "s1") }, "waiting for its own heartbeat"},
		{"it heard nobody for a while", func(w *world) { w.pass(3, nil); w.pass(5, nil, names...); w.beat("s1") }, "waiting for e1"},
		{"it hears all again", func(w *world) { w.pass(3, nil); w.pass(5, nil, names...); w.pass(2, nil) }, ""},
		{"a release requires more", func(w *world) {
			w.pass(3, nil, "x1", "x2")
			w.release(entry("x1", require), entry("x2", require))
		}, "waiting for x1, x2"},
		{"it was revoked", func(w *world) { w.pass(1, nil, "e1"); w.govern(trusttest.RevokeIdentity(w.members["e1"].ID)) }, ""},
		{"an enforcer is silent: it drifts", func(w *world) { w.pass(2, nil); w.pass(9, nil, "e1") }, ""},
		{"a participant that cannot beat", func(w *world) { w.pass(2, nil); w.release(entry("alice", require)) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.happens(w)
			if got := w.watch.Waiting(w.fold, w.now); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func require(e *pb.Identity) { e.Required = true }

func TestOfManyMissingAFewAreNamed(t *testing.T) {
	w := newWorld(t, func(r *pb.Release) {
		for i := range 12 {
			r.Directory = append(r.GetDirectory(), &pb.Identity{Name: fmt.Sprintf("y%d", i), Role: pb.Role_ROLE_EXECUTOR, Required: true})
		}
	})
	w.pass(2, nil)
	if got, want := w.watch.Waiting(w.fold, w.now), "waiting for y0, y1, y2, y3, y4, y5, y6, y7 and others"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestBeforeAReleaseThereIsNothingToJudge(t *testing.T) {
	w := newWorld(t)
	fold, watch := w.fresh()
	if got := watch.Findings(fold, w.now); got != nil {
		t.Errorf("found %v", got)
	}
	if got := watch.Waiting(fold, w.now); got != "no release is in force" {
		t.Errorf("waiting: %q", got)
	}
}

// TestADeafSentinelJudgesNobodyByHeartbeats: a machine that slept has heard
// everybody long ago.
func TestADeafSentinelJudgesNobodyByHeartbeats(t *testing.T) {
	w := started(t, provoked{})
	wrong := map[string]func(*pb.Heartbeat){
		"x1": func(b *pb.Heartbeat) { b.Release = other[:] },
		"x2": func(b *pb.Heartbeat) { b.BuildDigest = other[:] },
	}
	w.pass(3, wrong)
	w.now = w.now.Add(time.Minute) // it sleeps, and so does its machine's clock
	w.wantFound()
	w.pass(1, wrong) // queued while it slept, s1's own among them
	w.wantFound()
	w.pass(1, wrong)
	w.wantFound("trip build.unattested x2")
}

// TestWithoutStandingNobodyIsHeard: what a revoked key says counts for nothing.
func TestWithoutStandingNobodyIsHeard(t *testing.T) {
	w := started(t, provoked{})
	w.govern(trusttest.RevokeKey(w.members["x1"].Key.ID()))
	w.pass(2, changed("x1", func(b *pb.Heartbeat) { b.Head.Digest, b.Divergences, b.Counter = other[:], 9, 1 }))
	w.wantFound()
}

// TestARestartedSentinelDoesNotTripAgain: wherever it begins to read, for what
// governors have resumed after.
func TestARestartedSentinelDoesNotTripAgain(t *testing.T) {
	w := started(t, provoked{})
	for range 3 {
		w.report("x1", w.request(), ledger.Position{Seq: 3})
	}
	r := w.request()
	w.decide("e1", r)
	w.decide("e2", r, func(d *pb.Decision) { d.SessionSequence = 5 })
	w.pulse(func(p *pb.Pulse) { p.Head.Digest = other[:] })
	if n := w.trip(); n != 3 {
		t.Fatalf("%d trips: %q", n, w.found())
	}
	w.report("x1", w.request(), ledger.Position{Seq: 3}) // under the trip
	w.pass(1, nil)
	last := w.seq
	for from := uint64(1); from <= last; from++ {
		w.restart(from)
		if n := w.trip(); n != 0 {
			t.Errorf("from %d: %d trips under those in force: %q", from, n, w.found())
		}
	}
	w.restart(1)
	w.resume()
	for from := uint64(1); from <= last; from++ {
		w.restart(from)
		if got := w.found(); len(got) != 0 {
			t.Errorf("from %d, after the resume: %q", from, got)
		}
	}
}

// TestARestartedSentinelTripsForWhatNobodyTrippedFor: while no sentinel ran.
func TestARestartedSentinelTripsForWhatNobodyTrippedFor(t *testing.T) {
	w := started(t, provoked{})
	w.report("x1", w.request(), ledger.Position{Seq: 3})
	w.restart(1)
	w.wantFound("trip outcome.rogue 17.0")
}

// TestAResumeOfSomethingElseSettlesNothing: governors who resume at the very
// moment know of no event for which no trip stands yet.
func TestAResumeOfSomethingElseSettlesNothing(t *testing.T) {
	w := started(t, provoked{})
	w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
	w.report("x1", w.request(), ledger.Position{Seq: 3})
	w.resume()
	w.wantFound("trip outcome.rogue 18.0")
}

// TestTheSecondOfTwoSentinelsAddsNothing: it sees the first one's trip, whichever
// record that names.
func TestTheSecondOfTwoSentinelsAddsNothing(t *testing.T) {
	w := started(t, provoked{})
	for range 2 {
		r := w.request()
		w.decide("e1", r)
		w.decide("e2", r, func(d *pb.Decision) { d.SessionSequence = 9 })
	}
	w.trip()
	w.restart(19) // it knows the second of the two only
	if got := w.found(); len(got) == 0 || w.trip() != 0 {
		t.Errorf("found %q, and tripped again", got)
	}
}

// TestBeforeTheHorizonNothingIsRogue: a sentinel that begins to read in the
// middle does not know which claims were valid, and says nothing of them. Later
// it does.
func TestBeforeTheHorizonNothingIsRogue(t *testing.T) {
	w := started(t, provoked{})
	r, claim := w.allowed()
	begin := w.seq + 1
	w.pass(1, nil)
	second := w.request()
	w.decide("e1", second)
	w.restart(begin)
	w.report("x1", r, claim)
	w.report("x1", second, w.claim("x1", second))
	w.wantFound()
	w.pass(65, nil) // max_deadline, pulse_limit and max_clock_skew
	third, valid := w.allowed()
	w.report("x1", third, valid)
	w.wantFound()
	w.report("x1", third, w.claim("x2", third))
	w.wantFound(fmt.Sprintf("trip outcome.rogue %d.0", w.seq))
}

// TestEventsOfOneRuleAreBounded: beyond as many as can be told apart, a trip
// halts everything.
func TestEventsOfOneRuleAreBounded(t *testing.T) {
	w := started(t, provoked{release: rule(schemas.DriftDecisionDivergence, func(d *pb.DriftRule) { d.Scope = pb.DriftScope_DRIFT_SCOPE_AGENT })})
	for i := range 400 {
		r := w.request()
		w.decide("e1", r, func(d *pb.Decision) { d.Agent = agent(fmt.Sprintf("a%d", i)) })
		w.decide("e2", r, func(d *pb.Decision) { d.Agent, d.SessionSequence = agent(fmt.Sprintf("a%d", i)), 9 })
	}
	got := w.scopes(schemas.DriftDecisionDivergence)
	if len(got) != 257 || !slices.Contains(got, "GLOBAL ") || !slices.Contains(got, "AGENT a255") {
		t.Errorf("%d scopes: %q", len(got), got)
	}
}

// TestAlarmTellsOfEventsOnce, not of conditions.
func TestAlarmTellsOfEventsOnce(t *testing.T) {
	w := started(t, provoked{})
	w.pass(9, nil, "e1")
	if w.watch.Alarm() {
		t.Error("alarm for a condition")
	}
	w.report("x1", w.request(), ledger.Position{Seq: 3})
	if !w.watch.Alarm() || w.watch.Alarm() {
		t.Error("not exactly one alarm for an event")
	}
}

func TestUncovered(t *testing.T) {
	w := started(t, provoked{})
	w.pass(9, nil, "e1")
	d := w.watch.Findings(w.fold, w.now)[0]
	trip := func(rule, subject string, kind pb.ScopeKind, value string) []*pb.Scope {
		fold, watch := w.fold, w.watch
		defer func() { w.fold, w.watch = fold, watch; w.restart(1) }()
		w.restart(1)
		record := &pb.Governance{Record: &pb.Governance_Trip{Trip: &pb.Trip{Rule: rule, Scope: &pb.Scope{Kind: kind, Value: value}, Detail: "test", Subject: subject}}}
		w.append(schemas.KindGovernance, "", w.zone.Seal(record, w.members["s1"].Key))
		w.tape = w.tape[:len(w.tape)-1]
		w.seq--
		return d.Uncovered(w.fold.Governance())
	}
	const global = pb.ScopeKind_SCOPE_KIND_GLOBAL
	tests := []struct {
		name, rule, subject string
		kind                pb.ScopeKind
		value               string
		covered             bool
	}{
		{"the same", d.Rule, d.Subject, global, "", true},
		{"the zone", d.Rule, d.Subject, pb.ScopeKind_SCOPE_KIND_ZONE, trusttest.ZoneName, true},
		{"another zone", d.Rule, d.Subject, pb.ScopeKind_SCOPE_KIND_ZONE, "z2", false},
		{"a tool", d.Rule, d.Subject, pb.ScopeKind_SCOPE_KIND_TOOL, "read", false},
		{"a session", d.Rule, d.Subject, pb.ScopeKind_SCOPE_KIND_SESSION, agent("alice"), false},
		{"another subject", d.Rule, w.members["x1"].SPIFFE(), global, "", false},
		{"another rule", schemas.DriftClaimStuck, d.Subject, global, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if open := trip(tt.rule, tt.subject, tt.kind, tt.value); (len(open) == 0) != tt.covered {
				t.Errorf("uncovered %v", open)
			}
		})
	}
}

// TestFindingsDoNotDependOnTheOrderOfMaps: two watches that are told the same
// say the same, and say it again. Whatever is told, every finding fits into a
// heartbeat and a trip.
func TestFindingsDoNotDependOnTheOrderOfMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		script := rapid.SliceOfN(rapid.SampledFrom(moves), 1, 20).Draw(t, "script")
		narrow := rapid.SampledFrom([]pb.DriftScope{
			pb.DriftScope_DRIFT_SCOPE_GLOBAL_UNSPECIFIED, pb.DriftScope_DRIFT_SCOPE_ZONE, pb.DriftScope_DRIFT_SCOPE_TOOL,
		}).Draw(t, "scope")
		play := func() (*world, [][]drift.Finding) {
			w := newWorld(t, func(r *pb.Release) {
				for _, info := range schemas.DriftRules() {
					if slices.Contains(info.Scopes, narrow) {
						r.Drift = append(r.Drift, &pb.DriftRule{Rule: info.Name, Scope: narrow})
					}
				}
			})
			var all [][]drift.Finding
			for _, m := range script {
				m.play(w)
				w.found()
				all = append(all, w.watch.Findings(w.fold, w.now))
			}
			return w, all
		}
		w, one := play()
		_, two := play()
		if !reflect.DeepEqual(one, two) {
			t.Fatalf("%v, then %v", one, two)
		}
		for range 5 {
			if again := w.watch.Findings(w.fold, w.now); !reflect.DeepEqual(again, one[len(one)-1]) {
				t.Fatalf("%v, then %v", one[len(one)-1], again)
			}
		}
	})
}

// move is something that may happen in a zone, good or bad.
type move struct {
	name string
	play func(w *world)
}

func (m move) String() string { return m.name }

var moves = []move{
	{"pass", func(w *world) { w.pass(1, nil) }},
	{"pass long", func(w *world) { w.pass(12, nil, "e1", "x2") }},
	{"deaf", func(w *world) { w.pass(6, nil, "s1") }},
	{"clone", func(w *world) { w.lives["x1"] ^= 2; w.pass(1, nil) }},
	{"clones", func(w *world) { w.lives["x2"] ^= 2; w.lives["e2"] ^= 2; w.pass(1, nil) }},
	{"regress", func(w *world) {
		w.pass(1, map[string]func(*pb.Heartbeat){"x1": func(b *pb.Heartbeat) { b.Position = 1 }, "e2": func(b *pb.Heartbeat) { b.Epoch = 1 }})
	}},
	{"mismatch", func(w *world) {
		w.pass(6, map[string]func(*pb.Heartbeat){"x1": func(b *pb.Heartbeat) { b.Release = nil }, "x2": func(b *pb.Heartbeat) { b.Head.Number-- }})
	}},
	{"divergence", func(w *world) {
		r := w.request()
		w.decide("e1", r)
		w.decide("e2", r, func(d *pb.Decision) { d.Session = "x"; d.Tool = "pay" })
		w.decide("e2", r, func(d *pb.Decision) { d.Session = "y" })
	}},
	{"rogue", func(w *world) {
		r, claim := w.allowed()
		w.report("x2", r, claim)
		w.report("x1", r, ledger.Position{Seq: 1})
	}},
	{"stuck", func(w *world) { w.allowed() }},
	{"fork", func(w *world) {
		for i, name := range []string{"s1", "s2", "r1"} {
			root := trust.DigestOf([]byte{byte(i)})
			w.watch.Checkpoint(w.fold, w.members[name].SPIFFE(), &pb.CheckpointHead{Size: 9, Root: root[:]})
		}
	}},
	{"trip", func(w *world) { w.trip() }},
	{"resume", func(w *world) {
		if len(w.fold.Governance().Halts()) > 0 {
			w.resume()
		}
	}},
	{"release", func(w *world) { w.release() }},
}
