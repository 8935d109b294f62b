package zone_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
)

// TestNormalOperationUnderLoadTripsNothing: thousands of actions, two of each
// service, verdicts derived again by both sentinels; meanwhile executors,
// enforcers and a sentinel stop and start, governors halt, resume and publish.
func TestNormalOperationUnderLoadTripsNothing(t *testing.T) {
	w := driftingZone(t, func(r *pb.Release) {
		for _, e := range r.GetDirectory() {
			e.Required = e.GetName() == "e1" || e.GetName() == "x1"
		}
		rule(schemas.DriftReplayMismatch, func(*pb.DriftRule) {})(r)
		r.Limits = nil // they would deny such a load
	}, "e1", "e2", "x1", "x2", "s1", "s2")
	w.ready()
	load := w.load(48)
	for _, disturb := range []func(){
		func() { w.stop("x2"); w.start("x2") },
		func() { w.stop("e2"); w.start("e2") },
		func() { w.stop("s2"); w.start("s2") },
		func() {
			w.govern(halt(pb.ScopeKind_SCOPE_KIND_TOOL, "transfer"))
			w.until("the halt", func() bool { return len(w.halts()) == 1 })
			w.resume(w.halts())
		},
		func() { w.release(func(r *pb.Release) { r.Note = "the same, under another version" }) },
		func() { w.stop("x2"); w.start("x2") },
	} {
		load.more(300)
		disturb()
	}
	load.more(300)
	load.stop()
	w.ready()
	w.pulsesGoOn()
	w.look(func(f *ledger.Fold) {
		// genesis, two releases before the load; halt, resume, release within it
		if gov := f.Governance(); gov.Epoch() != 6 || len(gov.Halts()) != 0 {
			t.Errorf("epoch %d, halts %v: something tripped", gov.Epoch(), gov.Halts())
		}
	})
	w.until("nothing drifts any more", func() bool {
		return !w.findsAny(pb.Level_LEVEL_TRIP) && !w.findsAny(pb.Level_LEVEL_WARN)
	})
	t.Logf("%d actions, %d refused or late", load.done.Load(), load.failed.Load())
}

func (w *drifting) findsAny(level pb.Level) bool {
	for _, info := range schemas.DriftRules() {
		if w.finds(level, info.Name) {
			return true
		}
	}
	return false
}

// load is agents' work that goes on until it is stopped.
type load struct {
	w            *drifting
	ended        chan struct{}
	workers      sync.WaitGroup
	done, failed atomic.Int64
}

// load has as many workers act, each in a session of its own. Those that a halt,
// a release or a restart refuses or delays go on.
func (w *drifting) load(workers int) *load {
	w.t.Helper()
	l := &load{w: w, ended: make(chan struct{})}
	for range workers {
		session, err := w.agentOf().NewSession()
		must(w.t, err)
		l.workers.Go(func() {
			for {
				select {
				case <-l.ended:
					return
				default:
				}
				if _, err := session.Propose(w.t.Context(), readFile(20*time.Second)); err != nil {
					l.failed.Add(1)
				}
				l.done.Add(1)
			}
		})
	}
	return l
}

// more waits for so many further actions.
func (l *load) more(n int64) {
	l.w.t.Helper()
	target := l.done.Load() + n
	l.w.until("further actions", func() bool { return l.done.Load() >= target })
}

func (l *load) stop() {
	close(l.ended)
	l.workers.Wait()
}

// TestOneSentinelOfTwoSuffices: whichever dies, the other one pulses and trips;
// what one has tripped for, the other does not.
func TestOneSentinelOfTwoSuffices(t *testing.T) {
	w := driftingZone(t, func(*pb.Release) {}, honest("s2")...)
	w.ready()
	for _, dead := range []string{"s1", "s2"} {
		w.stop(dead)
		w.pulsesGoOn()
		w.acts()
		p := w.play("x2")
		p.item(schemas.KindOutcome, "file-read", w.rogueOutcome(p))
		halts := w.tripped(schemas.DriftOutcomeRogue, "")
		w.start(dead)
		w.ready()
		w.pulsesGoOn()
		if now := w.halts(); len(now) != 1 {
			t.Fatalf("halts %v: the other sentinel tripped for the same again", now)
		}
		w.resume(halts)
		w.ready()
		w.pulsesGoOn()
		if now := w.halts(); len(now) != 0 {
			t.Fatalf("halts %v after the resume", now)
		}
		w.acts()
		p.leaves()
	}
}

// rogueOutcome is an outcome of a played executor for the newest claim, which is
// another's.
func (w *drifting) rogueOutcome(p *puppet) *pb.Outcome {
	w.t.Helper()
	o := new(pb.Outcome)
	w.newest(schemas.KindOutcome, o)
	o.Executor = p.m.ID.String()
	return o
}

// TestATripMayHaltATool: the others go on.
func TestATripMayHaltATool(t *testing.T) {
	w := driftingZone(t, func(r *pb.Release) {
		rule(schemas.DriftClaimStuck, func(d *pb.DriftRule) {
			d.Threshold, d.Scope = durationpb.New(time.Second), pb.DriftScope_DRIFT_SCOPE_TOOL
		})(r)
	}, honest()...)
	w.ready()
	letGo := make(chan struct{})
	w.hang(letGo)
	stuck, err := w.agentOf().NewSession()
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = stuck.Propose(t.Context(), readFile(3*time.Second)) // it waits for its deadline
	}()
	halts := w.tripped(schemas.DriftClaimStuck, "")
	if s := halts[0].Scope; len(halts) != 1 || s.GetKind() != pb.ScopeKind_SCOPE_KIND_TOOL || s.GetValue() != "file-read" {
		t.Fatalf("halts %v", halts)
	}
	close(letGo)
	<-ended
	w.isRefused() // file-read
	_, err = w.agentOf().Propose(t.Context(), transferTo("bob"))
	must(t, err)
}
