package feed

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
)

// answers is a verifier that waits for the answers that a test gives it.
type answers chan func() (streams.Durability, error)

func (a answers) VerifySync(ctx context.Context, servers int) (streams.Durability, error) {
	if servers != 1 {
		return 0, errors.New("asked for more than one server")
	}
	select {
	case answer := <-a:
		return answer()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func syncs() (streams.Durability, error)   { return streams.SyncAlways, nil }
func relaxes() (streams.Durability, error) { return streams.RelaxedSyncMayLoseRecords, nil }
func fails() (streams.Durability, error)   { return 0, errors.New("nobody answered") }

func newHealth(a answers) *Health { return &Health{server: a, log: slog.New(slog.DiscardHandler)} }

const (
	always  = pb.Durability_DURABILITY_SYNC_ALWAYS_UNSPECIFIED
	relaxed = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
)

func wantFault(t *testing.T, h *Health, durability pb.Durability, want string) {
	t.Helper()
	synctest.Wait()
	got := h.Fault(durability)
	if !strings.Contains(got, want) || (want == "") != (got == "") {
		t.Errorf("fault %q, want %q", got, want)
	}
}

func TestHealthBeginsWithNothingToRelyOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := make(answers)
		h := newHealth(a)
		observe := h.Observe(ctx)
		wantFault(t, h, relaxed, "catching up")
		observe(streams.CatchingUp)
		wantFault(t, h, relaxed, "catching up")
		h.CaughtUp()
		if !h.Started() {
			t.Error("not started after CaughtUp")
		}
		wantFault(t, h, relaxed, "catching up")
		observe(streams.Live)
		wantFault(t, h, relaxed, "")
		wantFault(t, h, always, "asking the server")
		a <- syncs
		wantFault(t, h, always, "")
		observe(streams.Disconnected)
		wantFault(t, h, relaxed, "disconnected")
		wantFault(t, h, always, "disconnected")
	})
}

func TestAServerThatDoesNotSyncIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := make(answers)
		h := newHealth(a)
		h.CaughtUp()
		h.Observe(ctx)(streams.Live)
		a <- relaxes
		wantFault(t, h, always, "does not sync always")
		wantFault(t, h, relaxed, "")
	})
}

// TestAQuestionWithoutAnAnswerIsAskedAgain: else one lost message would disarm
// until the next reconnect.
func TestAQuestionWithoutAnAnswerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := make(answers)
		h := newHealth(a)
		h.CaughtUp()
		h.Observe(ctx)(streams.Live)
		a <- fails
		wantFault(t, h, always, "nobody answered")
		time.Sleep(checkAgain + checkTimeout) // this time in silence
		wantFault(t, h, always, "cannot verify")
		a <- syncs
		wantFault(t, h, always, "")
	})
}

// TestAnAnswerOfAServerThatIsGoneCountsForNothing: the next server may be
// another one, with other settings.
func TestAnAnswerOfAServerThatIsGoneCountsForNothing(t *testing.T) {
	for name, old := range map[string]func() (streams.Durability, error){"that it syncs": syncs, "an error": fails} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				first, second := make(answers), make(answers)
				h := newHealth(first)
				observe := h.Observe(ctx)
				h.CaughtUp()
				observe(streams.Live)
				synctest.Wait() // the first question is on its way
				observe(streams.Disconnected)
				h.mu.Lock()
				h.server = second
				h.mu.Unlock()
				observe(streams.CatchingUp)
				observe(streams.Live)
				first <- old
				wantFault(t, h, always, "asking the server")
				second <- relaxes
				wantFault(t, h, always, "does not sync always")
			})
		})
	}
}

func TestOneQuestionForEachServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		asked := make(answers, 16)
		h := newHealth(asked)
		h.CaughtUp()
		observe := h.Observe(ctx)
		for range 5 {
			observe(streams.CatchingUp)
			observe(streams.Live)
		}
		for range cap(asked) {
			asked <- syncs
		}
		wantFault(t, h, always, "")
		if n := cap(asked) - len(asked); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
	})
}

func TestTheFaultOfASkewDoesNotChangeWithEveryRecord(t *testing.T) {
	now := time.Now()
	var a, b Skew
	a.Stored(now.Add(-time.Minute), now, true)
	b.Stored(now.Add(-time.Minute-time.Millisecond), now, true)
	if x, y := a.Fault(time.Second, now), b.Fault(time.Second, now); x != y {
		t.Errorf("%q and %q: each would be a line in the log", x, y)
	}
}

func TestNoiseIsCountedWholeAndLoggedSparsely(t *testing.T) {
	var lines int
	log := slog.New(countingHandler{slog.DiscardHandler, &lines})
	var n NoiseLog
	for seq := range uint64(1000) {
		n.Report(log, seq, errors.New("noise"))
	}
	if n.Count() != 1000 || lines != 10 { // 1, 2, 4, …, 512
		t.Errorf("%d counted and %d lines, want 1000 and 10", n.Count(), lines)
	}
}

type countingHandler struct {
	slog.Handler
	lines *int
}

func (countingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (c countingHandler) Handle(context.Context, slog.Record) error {
	*c.lines++
	return nil
}
