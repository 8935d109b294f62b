package sentinel

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// watch is a world with s1 on it.
type watch struct {
	*feedtest.World
	t     *testing.T
	s     *Sentinel
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, mutators ...func(*pb.Release)) *watch {
	w := &watch{World: feedtest.New(t, append([]func(*pb.Release){frequent}, mutators...)...), t: t}
	w.run()
	return w
}

// shortly is between two heartbeats.
var shortly = durationpb.New(50 * time.Millisecond)

// frequent makes heartbeats frequent, and a release that does not expire soon.
func frequent(r *pb.Release) {
	r.Bounds.HeartbeatInterval, r.Expires = shortly, timestamppb.New(time.Now().Add(30*24*time.Hour))
}

// run starts s1, anew if it ran before.
func (w *watch) run() {
	w.t.Helper()
	me := w.Member("s1")
	s, err := New(Config{
		Conn: w.Connect("s1"), Ledger: w.Zone.Ledger, ID: me.ID, Key: me.Key, Credential: me.Credential, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	w.s, w.stop, w.ended = s, cancel, make(chan error, 1)
	go func(ended chan error) { ended <- s.Run(ctx) }(w.ended)
	w.t.Cleanup(cancel)
}

func (w *watch) pulsing() {
	w.t.Helper()
	before := w.s.Status().Pulses
	w.Eventually("two more pulses", func() bool { return w.s.Status().Pulses >= before+2 && w.s.Status().Silent == "" })
}

// silent waits until the sentinel says why it is silent, and then for longer
// than an interval, in which no pulse may come.
func (w *watch) silent(why string) {
	w.t.Helper()
	w.Eventually("silence for "+why, func() bool { return strings.Contains(w.s.Status().Silent, why) })
	before := len(w.Records(schemas.KindPulse))
	time.Sleep(3 * w.s.interval())
	if after := len(w.Records(schemas.KindPulse)); after != before {
		w.t.Errorf("%d pulses while silent for %s", after-before, w.s.Status().Silent)
	}
}

func (w *watch) close() {
	w.t.Helper()
	w.stop()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		w.t.Errorf("Run ended with %v", err)
	}
	w.Eventually("every goroutine has ended", func() bool {
		buf := make([]byte, 1<<22)
		stacks := string(buf[:runtime.Stack(buf, true)])
		return !strings.Contains(stacks, "sentinel.(*Sentinel)")
	})
}

func TestItPulsesWhatItHasFolded(t *testing.T) {
	w := start(t)
	w.pulsing()
	w.Govern(trusttest.Halt(pb.ScopeKind_SCOPE_KIND_TOOL, "pay"))
	w.pulsing() // under a halt too: it is alive
	w.pulsing()
	w.close()
	fold := w.Fold()
	records := w.Records(schemas.KindPulse)
	digest := fold.Governance().Release().Digest
	newest := decode(t, records[len(records)-1].Data)
	if newest.GetHead().GetNumber() != fold.Governance().Head().Number || string(newest.GetRelease()) != string(digest[:]) {
		t.Errorf("the newest pulse names head %d and release %x", newest.GetHead().GetNumber(), newest.GetRelease())
	}
	var counter uint64
	for _, r := range records {
		p := decode(t, r.Data)
		if p.GetCounter() <= counter || p.GetSentinel() != w.Member("s1").SPIFFE() {
			t.Errorf("pulse %d of %s after %d", p.GetCounter(), p.GetSentinel(), counter)
		}
		counter = p.GetCounter()
	}
}

func TestWhatSilencesIt(t *testing.T) {
	relaxedServer := func(r *pb.Release) { r.Durability = pb.Durability_DURABILITY_SYNC_ALWAYS_UNSPECIFIED }
	t.Run("a server that does not sync as the release demands", func(t *testing.T) {
		w := start(t, relaxedServer)
		w.silent("does not sync always")
		w.close()
	})
	tests := map[string]struct {
		happens func(w *watch)
		why     string
	}{
		"its key is revoked":      {func(w *watch) { w.Govern(trusttest.RevokeKey(w.Member("s1").Key.ID())) }, "revoked"},
		"its identity is revoked": {func(w *watch) { w.Govern(trusttest.RevokeIdentity(w.Member("s1").ID)) }, "revoked"},
		"a release without it": {func(w *watch) {
			gov := w.Fold().Governance()
			w.Govern(trusttest.Released(w.Zone.Release(func(r *pb.Release) {
				digest, first := gov.Release().Digest, gov.Release().Proto
				r.Version, r.Replaces, r.NotBefore, r.Expires = 2, digest[:], first.GetNotBefore(), first.GetExpires()
				r.Durability, r.Bounds = first.GetDurability(), first.GetBounds()
				r.Directory = withoutSentinels(first.GetDirectory())
			})))
		}, "do not count"},
		"a pulse that names another history": {func(w *watch) {
			gov := w.Fold().Governance()
			head := gov.Head().Proto()
			head.Number++
			w.PulseOf(head, gov.Release().Digest)
		}, "folded 2"},
		"the server is gone": {func(w *watch) { w.Server.Shutdown() }, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.pulsing()
			tt.happens(w)
			if name == "the server is gone" {
				w.Eventually("silence", func() bool { return w.s.Status().Silent != "" })
				n := w.s.Status().Pulses
				time.Sleep(3 * w.s.interval())
				if w.s.Status().Pulses != n {
					t.Error("pulses that nobody acknowledged were counted")
				}
			} else {
				w.silent(tt.why)
			}
			w.close()
		})
	}
}

func withoutSentinels(directory []*pb.Identity) []*pb.Identity {
	return slices.DeleteFunc(slices.Clone(directory), func(e *pb.Identity) bool { return e.GetRole() == pb.Role_ROLE_SENTINEL })
}

// TestNoiseDoesNotSilenceIt: a record that cannot tell its time says nothing
// about a clock, and after it nobody else writes.
func TestNoiseDoesNotSilenceIt(t *testing.T) {
	w := start(t)
	w.pulsing()
	w.WriteForeign("alice", schemas.KindIntent, "alice", []byte("whatever"))
	w.pulsing()
	w.close()
}

func TestBeforeAnythingIsReadThereIsNoPulse(t *testing.T) {
	me := trusttest.NewMember(pb.Role_ROLE_SENTINEL, "s1")
	s := &Sentinel{cfg: Config{ID: me.ID, Key: me.Key}}
	if p, why := s.pulse(1); p != nil || !strings.Contains(why, "no release") {
		t.Errorf("pulse %v, %q", p, why)
	}
	if s.interval() != idle {
		t.Errorf("interval %v without a release", s.interval())
	}
}

func TestAConfigWithAHoleIsRefused(t *testing.T) {
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Credential") {
		t.Errorf("New with nothing: %v", err)
	}
}

func decode(t *testing.T, envelope []byte) *pb.Pulse {
	t.Helper()
	p := new(pb.Pulse)
	if err := schemas.Decode(trusttest.Payload(envelope), schemas.MaxItem, p); err != nil {
		t.Fatal(err)
	}
	if p.GetClock().AsTime().After(timestamppb.Now().AsTime()) {
		t.Error("a pulse from the future")
	}
	return p
}
