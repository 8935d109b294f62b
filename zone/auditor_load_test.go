package zone_test

import (
	"testing"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestRecorderAndAuditorUnderLoadTripNothing: hundreds of actions, of which every
// verdict is derived again and every record is signed for; meanwhile the recorder,
// which is required, the auditor and an enforcer stop and start, governors halt,
// resume and publish.
func TestRecorderAndAuditorUnderLoadTripNothing(t *testing.T) {
	w := auditedZone(t, func(r *pb.Release) { r.Limits = nil }, "e1", "e2", "x1", "s1", "s2") // limits would deny such a load
	w.ready()
	load := w.load(32)
	for _, disturb := range []func(){
		func() { w.restart(pb.Role_ROLE_RECORDER, "r1") },
		func() { w.restart(pb.Role_ROLE_AUDITOR, "a1") },
		func() { w.restart(pb.Role_ROLE_ENFORCER, "e2") },
		func() {
			w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "transfer"))
			w.until("the halt", func() bool { return len(w.halts()) == 1 })
			w.resume(w.halts())
		},
		func() { w.release(func(r *pb.Release) { r.Note = "the same, under another version" }) },
		func() { w.restart(pb.Role_ROLE_RECORDER, "r1"); w.restart(pb.Role_ROLE_AUDITOR, "a1") },
	} {
		load.more(200)
		disturb()
	}
	load.more(200)
	load.stop()
	w.ready()
	w.pulsesGoOn()
	var last uint64
	w.look(func(f *ledger.Fold) {
		// genesis, two releases before the load; halt, resume, release within it
		if gov := f.Governance(); gov.Epoch() != 6 || len(gov.Halts()) != 0 {
			t.Errorf("epoch %d, halts %v: something tripped", gov.Epoch(), gov.Halts())
		}
		last = f.Seq()
	})
	w.until("r1 has signed for all of it, and a1 has judged it", func() bool {
		return w.beatOf("r1").GetCheckpoint().GetSize() >= last && w.beatOf("a1").GetPosition() >= last
	})
	if found := w.beatOf("a1").GetFindings(); len(found) > 0 {
		t.Errorf("a1 found %v", found)
	}
	w.until("nothing drifts any more", func() bool {
		return !w.findsAny(pb.Level_LEVEL_TRIP) && !w.findsAny(pb.Level_LEVEL_WARN)
	})
	t.Logf("%d actions, %d refused or late, %d records", load.done.Load(), load.failed.Load(), last)
}

func (w *drifting) restart(role pb.Role, name string) {
	w.t.Helper()
	w.Stop(role, name)
	must(w.t, w.Start(w.t.Context(), role, name))
}

// TestASilentRecorderTrips: builds and configurations of all that run are bound by
// the release, and the recorder is required, as it is by default. When it dies the
// zone halts; when it is back, and governors have resumed, the zone works again.
func TestASilentRecorderTrips(t *testing.T) {
	w := auditedZone(t, asIs, honest()...)
	w.ready()
	w.release(w.bindEverybody)
	w.ready()
	w.acts()
	w.Stop(pb.Role_ROLE_RECORDER, "r1")
	halts := w.tripped(schemas.DriftHeartbeatMissing, "r1")
	w.isRefused()
	// The sentinel's trip is on the ledger before its heartbeat tells why.
	w.until("the sentinel tells of it", func() bool { return w.finds(pb.Level_LEVEL_TRIP, schemas.DriftHeartbeatMissing) })
	must(t, w.Start(t.Context(), pb.Role_ROLE_RECORDER, "r1"))
	w.until("r1 is heard again", func() bool { return !w.finds(pb.Level_LEVEL_TRIP, schemas.DriftHeartbeatMissing) })
	w.resume(halts)
	w.ready()
	w.acts()
	w.pulsesGoOn()
	if now := w.halts(); len(now) != 0 {
		t.Fatalf("after the resume: %v", now)
	}
	var last uint64
	w.look(func(f *ledger.Fold) { last = f.Seq() })
	w.until("r1 has signed for the time in which it was away", func() bool { return w.beatOf("r1").GetCheckpoint().GetSize() >= last })
}

// bindEverybody binds each identity to the build and the configuration with which
// it is heard.
func (w *drifting) bindEverybody(r *pb.Release) {
	w.t.Helper()
	bound := 0
	for _, entry := range r.GetDirectory() {
		beat := w.beatOf(entry.GetName())
		if beat == nil {
			continue
		}
		bound++
		entry.Builds, entry.Configs = [][]byte{beat.GetBuildDigest()}, [][]byte{beat.GetConfigDigest()}
	}
	if want := len(honest("r1", "a1")); bound != want {
		w.t.Fatalf("%d are heard, want %d", bound, want)
	}
}
