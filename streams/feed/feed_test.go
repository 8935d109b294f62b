package feed_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

func config(w *feedtest.World, conn *streams.Conn) feed.Config {
	return feed.Config{
		Conn: conn, Zone: feedtest.ZoneName, Ledger: w.Zone.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler),
	}
}

func kindOf(p *ledger.Parsed) schemas.Kind { return p.Kind() }

type seen struct {
	seq   uint64
	kind  schemas.Kind
	ahead schemas.Kind
	noise pb.Reason
}

// read folds the ledger from a position to its end.
func read(t *testing.T, w *feedtest.World, conn *streams.Conn, from uint64) (all []seen, last *ledger.Fold) {
	t.Helper()
	cfg := config(w, conn)
	cfg.FromSeq = from
	err := feed.Until(w.Soon(), cfg, w.Last(), kindOf, func(f *ledger.Fold, ev feed.Event[schemas.Kind]) error {
		all = append(all, seen{ev.Seq, ev.Record.Kind, ev.Ahead, schemas.ReasonOf(ev.Noise)})
		last = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, last
}

func TestEveryMessageIsAnEventNoiseToo(t *testing.T) {
	w := feedtest.New(t)
	w.Introduce("alice", "e1", "s1")
	w.Pulse()
	w.Write("alice", schemas.KindIntent, "alice", []byte("no envelope"))
	w.WriteForeign("alice", schemas.KindIntent, "alice", w.Member("alice").List(schemas.KindIntent, w.Zone.Ledger, []byte("x")))
	in := w.Propose("s", time.Minute)
	w.Allow("e1", in)
	w.Allow("e2", in) // never introduced
	all, _ := read(t, w, w.Connect("e1"), 0)
	want := []seen{
		{1, schemas.KindGovernance, schemas.KindGovernance, 0},
		{2, schemas.KindGovernance, schemas.KindGovernance, 0},
		{3, schemas.KindCredential, schemas.KindCredential, 0},
		{4, schemas.KindCredential, schemas.KindCredential, 0},
		{5, schemas.KindCredential, schemas.KindCredential, 0},
		{6, schemas.KindPulse, schemas.KindPulse, 0},
		{7, 0, schemas.KindIntent, pb.Reason_REASON_NOISE_ENVELOPE},
		{8, 0, 0, pb.Reason_REASON_NOISE_SUBJECT}, // its own headers: no subject to be trusted
		{9, schemas.KindIntent, schemas.KindIntent, 0},
		{10, schemas.KindDecision, schemas.KindDecision, 0},
		{11, 0, schemas.KindDecision, pb.Reason_REASON_NOISE_SIGNER},
	}
	if len(all) != len(want) {
		t.Fatalf("%d events, want %d: %+v", len(all), len(want), all)
	}
	for i := range want {
		if all[i] != want[i] {
			t.Errorf("event %d is %+v, want %+v", i, all[i], want[i])
		}
	}
}

// TestAFoldFromTheMiddleEqualsTheWholeFold at the end, wherever it begins: in
// governance, in standing, in the newest pulse if it read one.
func TestAFoldFromTheMiddleEqualsTheWholeFold(t *testing.T) {
	w := feedtest.New(t)
	w.Introduce("alice", "e1", "s1")
	w.Pulse()
	halt := w.Zone.Seal(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
	w.Write("g0", schemas.KindGovernance, "", halt)
	w.Write("g0", schemas.KindGovernance, "", halt) // noise: twice
	w.Govern(trusttest.RevokeIdentity(trusttest.ID(pb.Role_ROLE_AGENT, "bob")))
	w.Introduce("x1")
	w.Propose("s", time.Minute)
	pulse := w.Pulse()
	w.Introduce("bob")
	w.Propose("s2", time.Minute)
	conn := w.Connect("e1")
	everything, whole := read(t, w, conn, 1)
	for from := uint64(1); from <= w.Last(); from++ {
		all, f := read(t, w, conn, from)
		if len(all) != len(everything)-int(from)+1 || all[0].seq != from {
			t.Fatalf("from %d: %d events from %d on", from, len(all), all[0].seq)
		}
		for i, e := range everything[from-1:] {
			if all[i] != e {
				t.Errorf("from %d: event %d is %+v, want %+v", from, e.seq, all[i], e)
			}
		}
		a, b := f.Governance(), whole.Governance()
		if a.Epoch() != b.Epoch() || a.Head() != b.Head() || a.Release().Digest != b.Release().Digest || !f.LogTime().Equal(whole.LogTime()) {
			t.Errorf("from %d: epoch %d, head %v, log time %v; the whole fold has %d, %v, %v", from, a.Epoch(), a.Head(), f.LogTime(), b.Epoch(), b.Head(), whole.LogTime())
		}
		for _, name := range []string{"alice", "bob", "e1", "x1", "s1", "e2"} {
			key := w.Member(name).Key.ID()
			if got, want := feed.StandingFault(f, key), feed.StandingFault(whole, key); got != want {
				t.Errorf("from %d: %s: %q, want %q", from, name, got, want)
			}
		}
		if from <= pulse && f.Pulse() != whole.Pulse() {
			t.Errorf("from %d: pulse %+v, want %+v", from, f.Pulse(), whole.Pulse())
		}
		if from > pulse && f.Pulse().Seq != 0 {
			t.Errorf("from %d: a pulse that was not read", from)
		}
	}
}

// checkedLock knows whether it is held.
type checkedLock struct {
	sync.Mutex
	held bool
}

func (l *checkedLock) Lock()   { l.Mutex.Lock(); l.held = true }
func (l *checkedLock) Unlock() { l.held = false; l.Mutex.Unlock() }

func TestTheGuardIsHeldInEveryStepAndNeverBetween(t *testing.T) {
	w := feedtest.New(t)
	guard := &checkedLock{}
	cfg := config(w, w.Connect("e1"))
	cfg.Guard = guard
	steps := 0
	stop := errors.New("far enough")
	cfg.CaughtUp = func() {
		if guard.held {
			t.Error("the guard is held in CaughtUp")
		}
	}
	err := feed.Run(w.Soon(), cfg, kindOf, func(*ledger.Fold, feed.Event[schemas.Kind]) error {
		if !guard.held {
			t.Error("step without the guard")
		}
		if steps++; steps == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("Run ended with %v, want step's error", err)
	}
	if guard.held {
		t.Error("the guard is still held")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := feedtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config(w, w.Connect("e1"))
	cfg.CaughtUp = cancel
	err := feed.Run(ctx, cfg, kindOf, func(*ledger.Fold, feed.Event[schemas.Kind]) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}

func TestUntilBeforeItsBeginningReadsNothing(t *testing.T) {
	cfg := feed.Config{FromSeq: 7} // no connection: there is nothing to ask
	err := feed.Until(t.Context(), cfg, 6, kindOf, func(*ledger.Fold, feed.Event[schemas.Kind]) error {
		t.Error("an event")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLongestTakesEveryRelease: an older release's promises hold for as long as
// it said.
func TestLongestTakesEveryRelease(t *testing.T) {
	w := feedtest.New(t, func(r *pb.Release) {
		r.Bounds.Memory, r.Bounds.MaxDeadline = durationpb.New(3*time.Hour), durationpb.New(time.Minute)
	})
	first := w.Fold().Governance().Release().Proto
	second := w.Zone.Release(func(r *pb.Release) {
		digest := w.Fold().Governance().Release().Digest
		r.Version, r.Replaces = 2, digest[:]
		r.NotBefore, r.Expires, r.Directory = first.GetNotBefore(), first.GetExpires(), first.GetDirectory()
		r.Bounds.Memory, r.Bounds.MaxDeadline = durationpb.New(time.Hour), durationpb.New(2*time.Minute)
	})
	w.Govern(trusttest.Released(second))
	if v := w.Fold().Governance().Release().Proto.GetVersion(); v != 2 {
		t.Fatalf("release %d is in force, want 2", v)
	}
	got, err := feed.Longest(w.Soon(), w.Connect("e1"), feedtest.ZoneName, w.Zone.Ledger)
	if err != nil || got.Memory != 3*time.Hour || got.MaxDeadline != 2*time.Minute {
		t.Errorf("memory %v, max deadline %v (%v), want 3h and 2m", got.Memory, got.MaxDeadline, err)
	}
}

func TestStandingFaults(t *testing.T) {
	w := feedtest.New(t)
	w.Introduce("x1", "x2")
	w.Govern(trusttest.RevokeKey(w.Member("x2").Key.ID()))
	f := w.Fold()
	for name, want := range map[string]string{"x1": "", "x2": "revoked", "e1": "does not stand on the ledger"} {
		got := feed.StandingFault(f, w.Member(name).Key.ID())
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
