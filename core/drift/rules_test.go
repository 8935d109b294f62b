package drift_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

func TestTheTableIsThatOfSchemas(t *testing.T) {
	var want []string
	for _, info := range schemas.DriftRules() {
		want = append(want, info.Name)
	}
	if got := drift.RuleNames(); !slices.Equal(got, want) {
		t.Errorf("rules %q, the table has %q", got, want)
	}
}

// provoked is how one rule is made to find something, and how that is undone.
type provoked struct {
	release func(*pb.Release)
	drift   func(w *world) // what happens, up to where it trips
	subject string
	mend    func(w *world) // what ends a condition; events are ended by a resume
}

func changed(name string, change func(*pb.Heartbeat)) map[string]func(*pb.Heartbeat) {
	return map[string]func(*pb.Heartbeat){name: change}
}

var other = trust.DigestOf([]byte("something else"))

var provocations = map[string]provoked{
	schemas.DriftHeartbeatMissing: {
		drift:   func(w *world) { w.pass(9, nil, "e1") },
		subject: "e1",
		mend:    func(w *world) { w.pass(1, nil) },
	},
	schemas.DriftHeartbeatClone: {
		drift: func(w *world) {
			for range 2 {
				w.lives["x1"] = 2
				w.pass(1, nil)
				w.lives["x1"] = 1
				w.pass(1, nil)
			}
			w.lives["x1"] = 2 // the other one was stopped
		},
		subject: "x1",
	},
	schemas.DriftHeartbeatRegress: {
		drift: func(w *world) {
			w.pass(1, changed("x1", func(b *pb.Heartbeat) { b.Position-- }))
			w.pass(1, changed("x1", func(b *pb.Heartbeat) { b.Position -= 5 }))
		},
		subject: "x1",
	},
	schemas.DriftReleaseMismatch: {
		drift:   func(w *world) { w.pass(7, changed("x1", func(b *pb.Heartbeat) { b.Release = other[:] })) },
		subject: "x1",
		mend:    func(w *world) { w.pass(1, nil) },
	},
	schemas.DriftGovernanceMismatch: {
		drift:   func(w *world) { w.pass(1, changed("x1", func(b *pb.Heartbeat) { b.Head.Digest = other[:] })) },
		subject: "x1",
	},
	schemas.DriftStateMismatch: {
		drift: func(w *world) {
			at := w.seq
			state := func(d trust.Digest) func(*pb.Heartbeat) {
				return func(b *pb.Heartbeat) { b.StateDigest, b.StatePosition = d[:], at }
			}
			w.pass(1, map[string]func(*pb.Heartbeat){"e1": state(w.zone.Ledger), "e2": state(other)})
		},
		subject: "15",
	},
	schemas.DriftDecisionDivergence: {
		drift: func(w *world) {
			r := w.request()
			w.decide("e1", r)
			w.decide("e2", r, func(d *pb.Decision) { d.SessionSequence = 2 })
			w.report("x1", r, w.claim("x1", r))
		},
		subject: "16.0",
	},
	schemas.DriftBuildUnattested: {
		drift:   func(w *world) { w.pass(1, changed("x2", func(b *pb.Heartbeat) { b.BuildDigest = other[:] })) },
		subject: "x2",
		mend:    func(w *world) { w.pass(1, nil) },
	},
	schemas.DriftClockSkew: {
		drift: func(w *world) {
			w.pass(2, changed("x1", func(b *pb.Heartbeat) { b.Clock = timestamppb.New(w.now.Add(3 * time.Second)) }))
		},
		subject: "x1",
		mend:    func(w *world) { w.pass(1, nil) },
	},
	schemas.DriftLagExceeded: {
		drift: func(w *world) {
			at := w.seq
			w.pass(12, changed("e2", func(b *pb.Heartbeat) { b.Position = at }))
		},
		subject: "e2",
		mend:    func(w *world) { w.pass(1, nil) },
	},
	schemas.DriftCheckpointFork: {
		drift: func(w *world) {
			w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: 5, Root: w.zone.Ledger[:]} })
			w.watch.Checkpoint(w.fold, w.members["r1"].SPIFFE(), &pb.CheckpointHead{Size: 5, Root: other[:]})
		},
		subject: "r1",
	},
	schemas.DriftOutcomeRogue: {
		drift:   func(w *world) { w.report("x1", w.request(), ledger.Position{Seq: w.seq}) },
		subject: "17.0",
	},
	schemas.DriftClaimStuck: {
		drift: func(w *world) {
			w.allowed()
			w.pass(41, nil)
		},
		subject: "18.0",
		mend: func(w *world) {
			r := request{digest: trust.DigestOf([]byte("1")), tool: "read"}
			w.report("x1", r, ledger.Position{Seq: 18})
		},
	},
	schemas.DriftReplayMismatch: {
		release: rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {}),
		drift: func(w *world) {
			r := w.request()
			w.watch.Derived(w.fold, verdict.Round{Intent: r.at}, other)
			w.decide("e1", r)
		},
		subject: "16.0",
	},
	schemas.DriftToolDefinition: {
		drift: func(w *world) {
			w.decide("e1", w.request(), func(d *pb.Decision) {
				d.Verdict, d.Reasons = pb.Verdict_VERDICT_DENY_UNSPECIFIED, []pb.Reason{pb.Reason_REASON_TOOL_DEFINITION}
			})
		},
		subject: "read",
	},
	schemas.DriftReleaseStale: {
		drift:   func(w *world) { w.now = w.now.Add(trusttest.ReleaseLife); w.pass(2, nil) },
		subject: "release 1",
		mend: func(w *world) {
			w.release(func(r *pb.Release) { r.Expires = timestamppb.New(w.now.Add(365 * 24 * time.Hour)) })
			w.pass(1, nil)
		},
	},
}

// started is a world in which everybody was heard.
func started(t *testing.T, p provoked) *world {
	var mutators []func(*pb.Release)
	if p.release != nil {
		mutators = append(mutators, p.release)
	}
	w := newWorld(t, mutators...)
	w.pass(3, nil)
	for w.seq < 15 {
		w.pulse()
	}
	w.wantFound()
	if why := w.watch.Waiting(w.fold, w.now); why != "" {
		t.Fatalf("waiting: %s", why)
	}
	return w
}

// TestEachRuleTripsLatchesAndEnds: what drifts trips once, the trip covers it
// until governors lift it; then a condition trips again if it still holds, and an
// event does not. Where the drift ends, so does the finding.
func TestEachRuleTripsLatchesAndEnds(t *testing.T) {
	for _, info := range schemas.DriftRules() {
		t.Run(info.Name, func(t *testing.T) {
			p, ok := provocations[info.Name]
			if !ok {
				t.Fatal("nobody provokes this rule")
			}
			w := started(t, p)
			p.drift(w)
			if info.WarnOnly {
				warnsAndEnds(t, w, "warn "+info.Name+" "+p.subject)
				return
			}
			want := "trip " + info.Name + " " + p.subject
			if !slices.Contains(w.found(), want) {
				t.Fatalf("found %q, want %q", w.found(), want)
			}
			if n := w.trip(); n != 1 {
				t.Fatalf("%d trips for %q, want one", n, w.found())
			}
			if n := w.trip(); n != 0 {
				t.Fatalf("%d further trips for what a trip in force covers", n)
			}
			if !slices.Contains(w.found(), want) {
				t.Error("the finding ended with the trip")
			}
			if p.mend != nil {
				p.mend(w)
				w.wantFound()
			}
			w.resume()
			w.wantFound()
		})
	}
}

// warnsAndEnds demands that a rule that never trips warns, however often, and that it
// is over after W.
func warnsAndEnds(t *testing.T, w *world, want string) {
	t.Helper()
	for range 3 {
		if n := w.trip(); !slices.Contains(w.found(), want) || n != 0 {
			t.Fatalf("found %q, want %q; %d trips", w.found(), want, n)
		}
		w.pass(1, nil)
	}
	for over := w.now.Add(w.fold.Governance().Release().Bounds.Memory); !w.now.After(over); {
		w.pass(1, nil)
	}
	w.pulse()
	w.wantFound()
}

func TestConditionsTripAgainAfterAResume(t *testing.T) {
	w := started(t, provoked{})
	w.pass(9, nil, "e1")
	w.trip()
	w.resume()
	w.wantFound("trip heartbeat.missing e1")
	if n := w.trip(); n != 1 {
		t.Errorf("%d trips after the resume, want one", n)
	}
}

func TestARuleThatOnlyWarnsNeverTrips(t *testing.T) {
	for _, info := range schemas.DriftRules() {
		t.Run(info.Name, func(t *testing.T) {
			p := provocations[info.Name]
			p.release = rule(info.Name, func(d *pb.DriftRule) { d.WarnOnly = true })
			w := started(t, p)
			p.drift(w)
			if want := "warn " + info.Name + " " + p.subject; !slices.Contains(w.found(), want) {
				t.Fatalf("found %q, want %q", w.found(), want)
			}
			if n := w.trip(); n != 0 {
				t.Errorf("%d trips", n)
			}
		})
	}
}

// TestThresholdsAreTheReleases: with a threshold of its own, each rule trips
// later.
func TestThresholdsAreTheReleases(t *testing.T) {
	for _, info := range schemas.DriftRules() {
		if info.Unit == schemas.DriftNone {
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			p := provocations[info.Name]
			p.release = rule(info.Name, func(d *pb.DriftRule) {
				switch info.Unit {
				case schemas.DriftIntervals:
					d.Intervals = 1000
				case schemas.DriftDuration:
					d.Threshold = durationpb.New(time.Hour)
				case schemas.DriftNone:
				}
			})
			w := started(t, p)
			p.drift(w)
			switch info.Name {
			case schemas.DriftGovernanceMismatch, schemas.DriftReleaseStale: // a fork and an expired release know no threshold
				if n := w.trip(); n != 1 {
					t.Errorf("%d trips: %q", n, w.found())
				}
			default:
				if n := w.trip(); n != 0 {
					t.Errorf("%d trips: %q", n, w.found())
				}
			}
		})
	}
}

// TestWhatATripHalts: everything, or what the release narrows it to, where that
// can be told.
func TestWhatATripHalts(t *testing.T) {
	narrowed := map[pb.DriftScope]map[string][]string{
		pb.DriftScope_DRIFT_SCOPE_GLOBAL_UNSPECIFIED: {"": {"GLOBAL "}},
		pb.DriftScope_DRIFT_SCOPE_ZONE:               {"": {"ZONE z1"}},
		pb.DriftScope_DRIFT_SCOPE_TOOL: {
			"": {"TOOL read"},
			// x1 serves two tools; enforcers serve none.
			schemas.DriftHeartbeatMissing: {"GLOBAL "}, schemas.DriftLagExceeded: {"GLOBAL "},
			schemas.DriftHeartbeatClone: {"TOOL pay", "TOOL read"}, schemas.DriftHeartbeatRegress: {"TOOL pay", "TOOL read"},
			schemas.DriftReleaseMismatch: {"TOOL pay", "TOOL read"}, schemas.DriftGovernanceMismatch: {"TOOL pay", "TOOL read"},
			schemas.DriftClockSkew: {"TOOL pay", "TOOL read"}, schemas.DriftOutcomeRogue: {"TOOL pay", "TOOL read"},
		},
		pb.DriftScope_DRIFT_SCOPE_AGENT: {
			"":                        {"AGENT alice"},
			schemas.DriftOutcomeRogue: {"GLOBAL "}, // no claim tells whose it was
		},
	}
	for scope, wants := range narrowed {
		for _, info := range schemas.DriftRules() {
			wide := scope == pb.DriftScope_DRIFT_SCOPE_GLOBAL_UNSPECIFIED || scope == pb.DriftScope_DRIFT_SCOPE_ZONE
			if info.WarnOnly || !wide && !slices.Contains(info.Scopes, scope) {
				continue // it never trips, or a release that asks for it is refused
			}
			t.Run(scope.String()+" "+info.Name, func(t *testing.T) {
				p := provocations[info.Name]
				p.release = rule(info.Name, func(d *pb.DriftRule) { d.Scope = scope })
				w := started(t, p)
				p.drift(w)
				want, special := wants[info.Name]
				if !special {
					want = wants[""]
				}
				if got := w.scopes(info.Name); !slices.Equal(got, want) {
					t.Errorf("halts %q, want %q", got, want)
				}
				if n := w.trip(); n != len(want) {
					t.Errorf("%d trips, want %d", n, len(want))
				}
				if n := w.trip(); n != 0 {
					t.Errorf("%d further trips for what trips in force cover", n)
				}
			})
		}
	}
}

// TestNormalOperationFindsNothing: actions, outcomes, a halt and its end, a new
// release, restarts.
func TestNormalOperationFindsNothing(t *testing.T) {
	w := started(t, provoked{release: rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {})})
	for i := range 200 {
		r := w.request()
		w.decide("e1", r)
		w.decide("e2", r)
		claim := w.claim("x1", r)
		w.claim("x1", r) // void: the second
		w.pass(1, nil)
		w.report("x1", r, claim)
		w.report("x1", r, claim) // sent twice
		switch i % 50 {
		case 10:
			w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		case 20:
			w.resume()
		case 30:
			w.release()
		case 40:
			w.pass(3, nil, "x2", "e2")
			w.lives["x2"]++
			w.lives["e2"]++
		}
		w.wantFound()
	}
}
