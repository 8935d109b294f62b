package drift_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// near is a case close to where a rule finds something, on either side.
type near struct {
	name    string
	release func(*pb.Release)
	happens func(w *world)
	want    []string
}

func runNear(t *testing.T, cases []near) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := started(t, provoked{release: c.release})
			c.happens(w)
			w.wantFound(c.want...)
		})
	}
}

func TestHeartbeatMissing(t *testing.T) {
	runNear(t, []near{
		{"silent for less than half the threshold", nil, func(w *world) { w.pass(3, nil, "e1") }, nil},
		{"silent for half the threshold", nil, func(w *world) { w.pass(4, nil, "e1") }, []string{"warn heartbeat.missing e1"}},
		{"silent for the threshold", nil, func(w *world) { w.pass(8, nil, "e1") }, []string{"warn heartbeat.missing e1"}},
		{"silent for longer", nil, func(w *world) { w.pass(9, nil, "e1") }, []string{"trip heartbeat.missing e1"}},
		{"not required", nil, func(w *world) { w.pass(50, nil, "e2", "x1", "s2", "r1") }, []string{
			"warn heartbeat.missing e2", "warn heartbeat.missing x1", "warn heartbeat.missing r1", "warn heartbeat.missing s2",
		}},
		{"heard again", nil, func(w *world) { w.pass(9, nil, "e1"); w.pass(1, nil) }, nil},
		{"revoked", nil, func(w *world) { w.govern(trusttest.RevokeIdentity(w.members["e1"].ID)); w.pass(9, nil, "e1") }, nil},
		{"only its key is revoked", nil, func(w *world) { w.govern(trusttest.RevokeKey(w.members["e1"].Key.ID())); w.pass(9, nil) }, []string{"trip heartbeat.missing e1"}},
		{"left the directory", nil, func(w *world) {
			w.release(func(r *pb.Release) { r.Directory = append(r.GetDirectory()[:2:2], r.GetDirectory()[3:]...) })
			w.pass(9, nil, "e1")
		}, nil},
		{"an interval that a release changed", nil, func(w *world) {
			w.release(func(r *pb.Release) { r.Bounds.HeartbeatInterval = durationpb.New(10 * interval) })
			w.pass(9, nil, "e1")
		}, nil},
		{"all are silent, the sentinel too: it is deaf", nil, func(w *world) { w.pass(20, nil, names...) }, nil},
		{"all come back, one of them late", nil, func(w *world) { w.pass(20, nil, names...); w.pass(2, nil, "e1"); w.pass(1, nil) }, nil},
	})
}

func TestHeartbeatClone(t *testing.T) {
	restarted := func(w *world) { w.lives["x1"]++; w.pass(1, nil) }
	late := func(w *world) {
		w.lives["x1"]--
		w.beat("x1")
		w.lives["x1"]++
	}
	resumed := func(w *world) { // governors answer for the turns so far
		restarted(w)
		for range 3 {
			late(w)
			w.pass(1, nil)
		}
		w.trip()
		w.resume()
	}
	runNear(t, []near{
		{"a restart", nil, restarted, nil},
		{"many restarts", nil, func(w *world) {
			for range 50 {
				restarted(w)
			}
		}, nil},
		{"late bytes of the process before", nil, func(w *world) { restarted(w); late(w); late(w); late(w); w.pass(5, nil) }, nil},
		{"it goes on", nil, func(w *world) { restarted(w); late(w); w.pass(1, nil); late(w) }, []string{"trip heartbeat.clone x1"}},
		{"it ended as governors resumed", nil, func(w *world) { resumed(w); late(w); w.pass(5, nil) }, nil},
		{"it goes on after a resume", nil, func(w *world) { resumed(w); late(w); w.pass(1, nil); late(w) }, []string{"trip heartbeat.clone x1"}},
		{"the newer one ended at once, the older lives on", nil, func(w *world) {
			restarted(w)
			w.lives["x1"]--
			w.pass(30, nil)
		}, nil},
		{"of the older one the rest is judged too", nil, func(w *world) {
			restarted(w)
			w.lives["x1"]--
			w.pass(30, changed("x1", func(b *pb.Heartbeat) { b.Release = nil }))
		}, []string{"trip release.mismatch x1"}},
		{"of the sentinel itself", nil, func(w *world) {
			own := w.lives["s1"]
			for range 2 {
				w.lives["s1"] = 77
				w.beat("s1")
				w.lives["s1"] = own
				w.pass(1, nil)
			}
		}, []string{"trip heartbeat.clone s1"}},
	})
}

func TestHeartbeatRegress(t *testing.T) {
	runNear(t, []near{
		{"the same counter", nil, func(w *world) { w.beat("x1", func(b *pb.Heartbeat) { b.Counter-- }) }, []string{"trip heartbeat.regress x1"}},
		{"a gap in the counter", nil, func(w *world) { w.beat("x1", func(b *pb.Heartbeat) { b.Counter += 10 }) }, nil},
		{"epoch", nil, func(w *world) { w.beat("x1", func(b *pb.Heartbeat) { b.Epoch-- }) }, []string{"trip heartbeat.regress x1"}},
		{"position", nil, func(w *world) { w.beat("x1", func(b *pb.Heartbeat) { b.Position -= 10 }) }, []string{"trip heartbeat.regress x1"}},
		{"the same position", nil, func(w *world) { w.beat("x1"); w.beat("x1") }, nil},
		{"a new incarnation begins anew", nil, func(w *world) {
			w.lives["x1"]++
			w.beat("x1", func(b *pb.Heartbeat) { b.Position, b.Epoch, b.Head.Number, b.Started = 0, 0, 0, false })
			w.pass(1, nil)
		}, nil},
	})
}

func TestReleaseAndGovernanceMismatch(t *testing.T) {
	staying := func(w *world, intervals int, change func(*pb.Heartbeat)) { w.pass(intervals, changed("x1", change)) }
	behind := func(w *world) func(*pb.Heartbeat) {
		head, epoch := w.fold.Governance().Head().Proto(), w.fold.Governance().Epoch()
		w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
		return func(b *pb.Heartbeat) { b.Head, b.Epoch = head, epoch }
	}
	ahead := func(w *world) func(*pb.Heartbeat) {
		head := w.fold.Governance().Head().Proto()
		head.Number++
		return func(b *pb.Heartbeat) { b.Head = head }
	}
	runNear(t, []near{
		{"another release, for a moment", nil, func(w *world) { staying(w, 3, func(b *pb.Heartbeat) { b.Release = other[:] }) }, nil},
		{"for half the threshold", nil, func(w *world) { staying(w, 4, func(b *pb.Heartbeat) { b.Release = other[:] }) }, []string{"warn release.mismatch x1"}},
		{"for the threshold", nil, func(w *world) { staying(w, 6, func(b *pb.Heartbeat) { b.Release = other[:] }) }, []string{"warn release.mismatch x1"}},
		{"for longer", nil, func(w *world) { staying(w, 7, func(b *pb.Heartbeat) { b.Release = other[:] }) }, []string{"trip release.mismatch x1"}},
		{"no release at all", nil, func(w *world) { staying(w, 7, func(b *pb.Heartbeat) { b.Release = nil }) }, []string{"trip release.mismatch x1"}},
		{"it still starts", nil, func(w *world) {
			w.lives["x1"]++
			staying(w, 20, func(b *pb.Heartbeat) { b.Release, b.Head.Number, b.Started = nil, 0, false })
		}, nil},
		{"it makes progress", nil, func(w *world) {
			for i := range byte(20) {
				staying(w, 1, func(b *pb.Heartbeat) { b.Release = append(make([]byte, 31), i) })
			}
		}, nil},
		{"a head behind, for a moment", nil, func(w *world) { staying(w, 3, behind(w)) }, nil},
		{"a head behind", nil, func(w *world) { staying(w, 7, behind(w)) }, []string{"trip governance.mismatch x1"}},
		{"a head ahead, for a moment", nil, func(w *world) { staying(w, 3, ahead(w)) }, nil},
		{"a head ahead: the sentinel was denied records", nil, func(w *world) { staying(w, 7, ahead(w)) }, []string{"trip governance.mismatch x1"}},
		{"another chain, at once, even while it starts", nil, func(w *world) {
			staying(w, 1, func(b *pb.Heartbeat) { b.Head.Number, b.Started = 1, false })
		}, []string{"trip governance.mismatch x1"}},
		{"an outcome names another chain", nil, func(w *world) {
			r, claim := w.allowed()
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Head.Digest = other[:] })
		}, []string{"trip governance.mismatch x1"}},
		{"an outcome names a head from before", nil, func(w *world) {
			head := w.fold.Governance().Head().Proto()
			r, claim := w.allowed()
			w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Head = head })
		}, nil},
		{"an outcome names a head from after", nil, func(w *world) {
			r, claim := w.allowed()
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Head.Number++ })
		}, []string{"trip governance.mismatch x1"}},
		{"a pulse names another chain", nil, func(w *world) { w.pulse(func(p *pb.Pulse) { p.Head.Digest = other[:] }) }, []string{"trip governance.mismatch s1"}},
	})
}

func TestStateMismatch(t *testing.T) {
	state := func(w *world, name string, at uint64, d trust.Digest) {
		w.beat(name, func(b *pb.Heartbeat) { b.StateDigest, b.StatePosition = d[:], at })
	}
	runNear(t, []near{
		{"equal", nil, func(w *world) { state(w, "e1", 14, other); state(w, "e2", 14, other) }, nil},
		{"at other positions", nil, func(w *world) { state(w, "e1", 14, other); state(w, "e2", 15, w.zone.Ledger) }, nil},
		{"of a sentinel that replays", nil, func(w *world) { state(w, "e1", 14, other); state(w, "s2", 14, w.zone.Ledger) }, []string{"trip state.mismatch 14"}},
		{"of an executor, which has none", nil, func(w *world) { state(w, "e1", 14, other); state(w, "x1", 14, w.zone.Ledger) }, nil},
		{"of one enforcer before and after a restart", nil, func(w *world) {
			w.pulse()
			state(w, "e1", 16, other)
			w.lives["e1"]++
			state(w, "e1", 16, w.zone.Ledger) // it may not have read all before that
			w.pulse()
			state(w, "e2", 17, other)
			state(w, "e1", 17, w.zone.Ledger)
		}, []string{"trip state.mismatch 17"}},
		{"beyond the ledger", nil, func(w *world) { state(w, "e1", 900, other); state(w, "e2", 900, w.zone.Ledger) }, nil},
		{"told once, not with every heartbeat", nil, func(w *world) {
			state(w, "e1", 14, other)
			state(w, "e2", 14, w.zone.Ledger)
			w.trip()
			w.resume()
			state(w, "e2", 14, w.zone.Ledger)
		}, nil},
		{"after many positions", nil, func(w *world) {
			w.pass(300, nil)
			for at := uint64(1); at < w.seq; at++ {
				state(w, "e1", at, other)
			}
			state(w, "e2", w.seq-1, w.zone.Ledger)
			state(w, "e2", 15, w.zone.Ledger) // forgotten, and taken as the first that is named
		}, []string{"trip state.mismatch 314"}},
	})
}

func TestDecisionDivergence(t *testing.T) {
	otherwise := func(d *pb.Decision) { d.SessionSequence = 7 }
	resumed := func(w *world) (at uint64) { // governors answer for what the sentinel saw itself
		r := w.request()
		w.decide("e1", r)
		w.decide("e2", r, otherwise)
		at = w.seq
		w.trip()
		w.resume()
		return at
	}
	runNear(t, []near{
		{"equal", nil, func(w *world) { r := w.request(); w.decide("e1", r); w.decide("e2", r) }, nil},
		{"equal lists cut differently are compared item by item", nil, func(w *world) { r := w.request(); w.decide("e1", r); w.decide("e1", r); w.decide("e2", r) }, nil},
		{"another round", nil, func(w *world) {
			r := w.request()
			w.decide("e1", r)
			w.decide("e2", r, func(d *pb.Decision) { d.Round, d.Approval = 1, r.at.Proto() })
		}, nil},
		{"of one enforcer", nil, func(w *world) { r := w.request(); w.decide("e1", r); w.decide("e1", r, otherwise) }, []string{"trip decision.divergence 16.0"}},
		{"many are one finding", nil, func(w *world) {
			for range 50 {
				r := w.request()
				w.decide("e1", r)
				w.decide("e2", r, otherwise)
			}
		}, []string{"trip decision.divergence 16.0"}},
		{"a participant has counted some", nil, func(w *world) { w.beat("e2", func(b *pb.Heartbeat) { b.Divergences = 1 }) }, []string{"trip decision.divergence e2"}},
		{"before the sentinel heard it", nil, func(w *world) { w.lives["e2"]++; w.pass(2, changed("e2", func(b *pb.Heartbeat) { b.Divergences = 3 })) }, nil},
		{"counted, but told only after the resume", nil, func(w *world) {
			at := resumed(w)
			w.beat("e1", func(b *pb.Heartbeat) { b.Divergences, b.DivergedAt = 1, at })
		}, nil},
		{"counted after the resume", nil, func(w *world) {
			at := resumed(w)
			w.pulse()
			w.beat("e1", func(b *pb.Heartbeat) { b.Divergences, b.DivergedAt = 2, at+3 })
		}, []string{"trip decision.divergence e1"}},
		{"counted nobody knows where, after the resume", nil, func(w *world) {
			resumed(w)
			w.beat("e1", func(b *pb.Heartbeat) { b.Divergences = 1 })
		}, []string{"trip decision.divergence e1"}},
		{"counted, and the resume was of something else", nil, func(w *world) {
			w.govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
			w.resume()
			w.beat("e1", func(b *pb.Heartbeat) { b.Divergences, b.DivergedAt = 1, 14 })
		}, []string{"trip decision.divergence e1"}},
		{"what is no decision is not compared", nil, func(w *world) {
			w.append(schemas.KindDecision, "read", w.members["e1"].List(schemas.KindDecision, w.zone.Ledger, []byte("junk"), []byte("more")))
		}, nil},
	})
}

func TestBuildUnattested(t *testing.T) {
	allowed := builds["x2"]
	lists := entry("x2", func(e *pb.Identity) { e.Builds, e.Configs = [][]byte{allowed[:]}, [][]byte{other[:]} })
	runNear(t, []near{
		{"as the directory says", nil, func(w *world) {
			w.release(lists)
			w.pass(1, changed("x2", func(b *pb.Heartbeat) { b.ConfigDigest = other[:] }))
		}, nil},
		{"another configuration", nil, func(w *world) { w.release(lists); w.pass(1, nil) }, []string{"trip build.unattested x2"}},
		{"the credential names no build", nil, func(w *world) { w.pass(1, changed("x1", func(b *pb.Heartbeat) { b.BuildDigest = other[:] })) }, nil},
		{"the directory lists another build from now on", nil, func(w *world) {
			w.release(entry("x2", func(e *pb.Identity) { e.Builds = [][]byte{other[:]} }))
			w.pass(1, nil)
		}, []string{"trip build.unattested x2"}},
	})
}

func TestClockSkew(t *testing.T) {
	off := func(w *world, d time.Duration) func(*pb.Heartbeat) {
		return func(b *pb.Heartbeat) { b.Clock = timestamppb.New(w.now.Add(d)) }
	}
	runNear(t, []near{
		{"within half the bound", nil, func(w *world) { w.pass(5, changed("x1", off(w, -time.Second))) }, nil},
		{"beyond half the bound", nil, func(w *world) { w.pass(5, changed("x1", off(w, -2*time.Second))) }, []string{"warn clock.skew x1"}},
		{"beyond the bound, once", nil, func(w *world) { w.pass(1, changed("x1", off(w, -3*time.Second))) }, []string{"warn clock.skew x1"}},
		{"twice", nil, func(w *world) { w.pass(2, changed("x1", off(w, -3*time.Second))) }, []string{"trip clock.skew x1"}},
		{"ahead", nil, func(w *world) { w.pass(2, changed("x1", off(w, 3*time.Second))) }, []string{"trip clock.skew x1"}},
		{"twice, not running", nil, func(w *world) {
			for range 5 {
				w.pass(1, changed("x1", off(w, 3*time.Second)))
				w.pass(1, nil)
			}
		}, nil},
		{"many that were stored in one burst", nil, func(w *world) {
			for i := range 10 {
				w.beat("x1", off(w, -time.Duration(20-i)*time.Second))
			}
		}, []string{"warn clock.skew x1"}},
	})
}

func TestLagExceeded(t *testing.T) {
	stuckAt := func(w *world) func(*pb.Heartbeat) {
		at := w.seq
		return func(b *pb.Heartbeat) { b.Position = at }
	}
	runNear(t, []near{
		{"for less than half the threshold", nil, func(w *world) { w.pass(6, changed("e2", stuckAt(w))) }, nil},
		{"for half", nil, func(w *world) { w.pass(8, changed("e2", stuckAt(w))) }, []string{"warn lag.exceeded e2"}},
		{"for longer", nil, func(w *world) { w.pass(13, changed("e2", stuckAt(w))) }, []string{"trip lag.exceeded e2"}},
		{"it still starts", nil, func(w *world) {
			w.pass(13, changed("e2", func(b *pb.Heartbeat) { b.Position, b.Started = w.seq-1, false }))
		}, nil},
		{"an executor", nil, func(w *world) { w.pass(13, changed("x1", stuckAt(w))) }, nil},
		{"whoever is silent is missing, not behind", nil, func(w *world) { w.pass(30, nil, "e2") }, []string{"warn heartbeat.missing e2"}},
		{"nothing was written for long", nil, func(w *world) {
			stuck := stuckAt(w)
			w.now = w.now.Add(time.Hour)
			for range 3 {
				w.now = w.now.Add(interval)
				for _, name := range names {
					w.beat(name, stuck)
				}
			}
		}, nil},
		{"far behind, beyond what is remembered", nil, func(w *world) {
			w.pass(1100, nil)
			w.lives["e2"]++
			w.pass(1, changed("e2", func(b *pb.Heartbeat) { b.Position = 16 }))
		}, []string{"warn lag.exceeded e2"}}, // one heartbeat may be of before a pause
		{"far behind, and stays so", nil, func(w *world) {
			w.pass(1100, nil)
			w.lives["e2"]++
			w.pass(40, changed("e2", func(b *pb.Heartbeat) { b.Position = 16 }))
		}, []string{"trip lag.exceeded e2"}},
	})
}

func TestCheckpointFork(t *testing.T) {
	names := func(w *world, size uint64, root trust.Digest) {
		w.pulse(func(p *pb.Pulse) { p.Checkpoint = &pb.CheckpointHead{Size: size, Root: root[:]} })
	}
	runNear(t, []near{
		{"it grows", nil, func(w *world) {
			for size := range uint64(400) {
				names(w, size, trust.DigestOf([]byte{byte(size), byte(size >> 8)}))
			}
		}, nil},
		{"it stays", nil, func(w *world) { names(w, 5, other); names(w, 5, other) }, nil},
		{"it goes back", nil, func(w *world) { names(w, 5, other); names(w, 4, other) }, []string{"trip checkpoint.fork s1"}},
		{"two roots for one size", nil, func(w *world) { names(w, 5, other); names(w, 5, w.zone.Ledger) }, []string{"trip checkpoint.fork s1"}},
		{"another source is behind", nil, func(w *world) {
			names(w, 5, other)
			w.watch.Checkpoint(w.fold, "r1", &pb.CheckpointHead{Size: 4, Root: other[:]})
		}, nil},
		{"it comes again late, cosigned or as somebody's copy", nil, func(w *world) { names(w, 4, other); names(w, 5, w.zone.Ledger); names(w, 4, other) }, nil},
		{"notes come in whatever order", nil, func(w *world) {
			w.watch.Checkpoint(w.fold, "r1", &pb.CheckpointHead{Size: 5, Root: other[:]})
			w.watch.Checkpoint(w.fold, "r1", &pb.CheckpointHead{Size: 3, Root: w.zone.Ledger[:]})
		}, nil},
		{"notes that contradict each other", nil, func(w *world) {
			w.watch.Checkpoint(w.fold, "r1", &pb.CheckpointHead{Size: 5, Root: other[:]})
			w.watch.Checkpoint(w.fold, "r1", &pb.CheckpointHead{Size: 5, Root: w.zone.Ledger[:]})
		}, []string{"trip checkpoint.fork r1"}},
		{"one too old to compare comes again", nil, func(w *world) {
			for size := range uint64(400) {
				names(w, size, trust.DigestOf([]byte{byte(size), byte(size >> 8)}))
			}
			names(w, 7, other)
		}, nil},
		{"the recorder says that its ledger is behind", nil, func(w *world) { w.pass(1, said("r1", schemas.DriftCheckpointFork)) }, []string{"trip checkpoint.fork r1"}},
		{"it says so no more", nil, func(w *world) { w.pass(1, said("r1", schemas.DriftCheckpointFork)); w.pass(1, nil) }, nil},
		{"resumed, and still so", nil, func(w *world) {
			w.pass(1, said("r1", schemas.DriftCheckpointFork))
			w.trip()
			w.resume()
			w.pass(1, said("r1", schemas.DriftCheckpointFork))
		}, []string{"trip checkpoint.fork r1"}},
		{"whoever is no recorder says so", nil, func(w *world) { w.pass(1, said("e2", schemas.DriftCheckpointFork)) }, nil},
		{"a recorder says so of another rule", nil, func(w *world) { w.pass(1, said("r1", schemas.DriftReplayMismatch)) }, nil},
		{"governors signed for a loss: another tree", nil, func(w *world) {
			names(w, 9, other)
			w.lose(9, other)
			names(w, 4, w.zone.Ledger)
		}, nil},
		{"a pulse from before the loss comes late", nil, func(w *world) {
			names(w, 9, other)
			head := w.fold.Governance().Head().Proto()
			w.lose(9, other)
			names(w, 4, w.zone.Ledger)
			w.pulse(func(p *pb.Pulse) {
				p.Checkpoint, p.Head = &pb.CheckpointHead{Size: 9, Root: other[:]}, head
			})
			names(w, 6, w.zone.Ledger)
		}, nil},
		{"what has no root is none", nil, func(w *world) { w.watch.Checkpoint(w.fold, "r1", &pb.CheckpointHead{Size: 4}) }, nil},
	})
}

// said are the heartbeats of one who found something.
func said(name, rule string) map[string]func(*pb.Heartbeat) {
	return changed(name, func(b *pb.Heartbeat) {
		b.Findings = []*pb.Finding{{Rule: rule, Level: pb.Level_LEVEL_TRIP, Subject: "17", Detail: "a test says so", Since: b.GetClock()}}
	})
}

// lose has governors sign for a loss.
func (w *world) lose(size uint64, root trust.Digest) {
	w.tb.Helper()
	w.govern(&pb.Governance{Record: &pb.Governance_Loss{Loss: &pb.Loss{Lost: &pb.CheckpointHead{Size: size, Root: root[:]}, Kept: 3, Reason: "a test lost it"}}})
}

func TestBlindness(t *testing.T) {
	runNear(t, []near{
		{"it cannot derive what is due", nil, func(w *world) { w.watch.Blind(w.fold, true) }, []string{"warn replay.mismatch s1"}},
		{"it can again", nil, func(w *world) { w.watch.Blind(w.fold, true); w.watch.Blind(w.fold, false) }, nil},
	})
}

func TestOutcomeRogue(t *testing.T) {
	runNear(t, []near{
		{"without any claim", nil, func(w *world) { w.report("x1", w.request(), ledger.Position{Seq: 3}) }, []string{"trip outcome.rogue 17.0"}},
		{"that names a head from before its claim", nil, func(w *world) {
			r, claim := w.allowed()
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Head = w.genesis })
		}, []string{"trip governance.mismatch x1"}},
		{"of a void claim", nil, func(w *world) {
			r, first := w.allowed()
			void := w.claim("x2", r)
			w.report("x2", r, void)
			w.report("x1", r, first)
		}, []string{"trip outcome.rogue 20.0"}},
		{"of another's claim", nil, func(w *world) { r, claim := w.allowed(); w.report("x2", r, claim); w.report("x1", r, claim) }, []string{"trip outcome.rogue 19.0"}},
		{"on another intent", nil, func(w *world) { _, claim := w.allowed(); w.report("x1", w.request(), claim) }, []string{"trip outcome.rogue 20.0"}},
		{"in another's name", nil, func(w *world) {
			r, claim := w.allowed()
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Executor = w.members["x2"].SPIFFE() })
			w.report("x1", r, claim)
		}, []string{"trip outcome.rogue 19.0"}},
		{"that cannot be read", nil, func(w *world) {
			w.append(schemas.KindOutcome, "read", w.members["x1"].List(schemas.KindOutcome, w.zone.Ledger, []byte("junk")))
		}, []string{"trip outcome.rogue 16.0"}},
		{"twice the same", nil, func(w *world) { r, claim := w.allowed(); w.report("x1", r, claim); w.report("x1", r, claim) }, nil},
		{"twice, differently", nil, func(w *world) {
			r, claim := w.allowed()
			w.report("x1", r, claim)
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Status = pb.Status_STATUS_FAILED })
		}, []string{"trip outcome.rogue 20.0"}},
		{"late", nil, func(w *world) { r, claim := w.allowed(); w.pass(15, nil); w.report("x1", r, claim) }, nil},
		{"of a claim from before what is remembered", nil, func(w *world) {
			r, claim := w.allowed()
			w.report("x1", r, claim)
			w.now = w.now.Add(2 * time.Hour) // W is one
			w.pulse()
			w.report("x1", r, claim, func(o *pb.Outcome) { o.Status = pb.Status_STATUS_FAILED })
		}, nil},
	})
}

func TestClaimStuck(t *testing.T) {
	limit := func(r *pb.Release) { r.GetTools()[0].RunLimit = durationpb.New(2 * time.Second) }
	runNear(t, []near{
		{"before its deadline", nil, func(w *world) { w.allowed(); w.pass(10, nil) }, nil},
		{"a little later", nil, func(w *world) { w.allowed(); w.pass(11, nil) }, nil},
		{"soon after its deadline", nil, func(w *world) { w.allowed(); w.pass(12, nil) }, []string{"warn claim.stuck 18.0"}},
		{"at the threshold", nil, func(w *world) { w.allowed(); w.pass(40, nil) }, []string{"warn claim.stuck 18.0"}},
		{"beyond", nil, func(w *world) { w.allowed(); w.pass(41, nil) }, []string{"trip claim.stuck 18.0"}},
		{"by the tool's run limit", limit, func(w *world) { w.allowed(); w.pass(33, nil) }, []string{"trip claim.stuck 18.0"}},
		{"many are one finding", nil, func(w *world) {
			for range 50 {
				w.allowed()
			}
			w.pass(41, nil)
		}, []string{"trip claim.stuck 18.0"}},
		{"a void claim", nil, func(w *world) { w.claim("x1", w.request()); w.pass(60, nil) }, nil},
		{"nobody was there to write an outcome", nil, func(w *world) {
			w.allowed()
			w.now = w.now.Add(10 * time.Minute) // the whole zone was down
			w.pass(5, nil)
		}, nil},
		{"nor was one written after all came back", nil, func(w *world) {
			w.allowed()
			w.now = w.now.Add(10 * time.Minute)
			w.pass(45, nil)
		}, []string{"trip claim.stuck 18.0"}},
		{"governors know that it has none", nil, func(w *world) { w.allowed(); w.pass(41, nil); w.trip(); w.resume(); w.pass(99, nil) }, nil},
		{"governors know of another one", nil, func(w *world) {
			w.allowed()
			w.pass(20, nil)
			w.allowed()
			w.pass(21, nil)
			w.trip()
			w.resume()
			w.pass(21, nil)
		}, []string{"trip claim.stuck 41.0"}},
	})
}

func TestReplayMismatch(t *testing.T) {
	on := rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {})
	quorum := func(r *pb.Release) { on(r); r.DecisionThreshold = 2 }
	derived := func(w *world, r request) { w.watch.Derived(w.fold, verdict.Round{Intent: r.at}, other) }
	runNear(t, []near{
		{"derived later", on, func(w *world) { r := w.request(); w.decide("e1", r); derived(w, r) }, []string{"trip replay.mismatch 16.0"}},
		{"without a quorum", quorum, func(w *world) { r := w.request(); derived(w, r); w.decide("e1", r) }, nil},
		{"with a quorum", quorum, func(w *world) { r := w.request(); derived(w, r); w.decide("e1", r); w.decide("e2", r) }, []string{"trip replay.mismatch 16.0"}},
		{"unless the release lists it", nil, func(w *world) { r := w.request(); derived(w, r); w.decide("e1", r) }, nil},
	})
}

// TestDerailedForW: a verdict depends on those of the last W, and so does what it
// can be compared with.
func TestDerailedForW(t *testing.T) {
	w := started(t, provoked{release: rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {})})
	r := w.request()
	w.decide("e1", r)
	if w.watch.Derailed(w.fold) {
		t.Error("derailed before anything differed")
	}
	w.watch.Derived(w.fold, verdict.Round{Intent: r.at}, other)
	if !w.watch.Derailed(w.fold) {
		t.Error("not derailed by a mismatch")
	}
	w.now = w.now.Add(time.Hour + time.Second)
	w.pulse()
	if w.watch.Derailed(w.fold) {
		t.Error("derailed for longer than W")
	}
}

func TestReleaseStale(t *testing.T) {
	runNear(t, []near{
		{"long before", nil, func(w *world) { w.now = trusttest.Start.Add(trusttest.ReleaseLife - 25*time.Hour); w.pass(1, nil) }, nil},
		{"a day before", nil, func(w *world) { w.now = trusttest.Start.Add(trusttest.ReleaseLife - 23*time.Hour); w.pass(1, nil) }, []string{"warn release.stale release 1"}},
		{"expired", nil, func(w *world) { w.now = trusttest.Start.Add(trusttest.ReleaseLife); w.pass(1, nil) }, []string{"trip release.stale release 1"}},
	})
}
