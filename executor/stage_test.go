package executor

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
	"github.com/portcullis-dev/portcullis/streams/outbox"
)

// stage is a world with x1 on it, whose claims and outcomes pass through the
// test's hands, and whose boot clock the test turns.
type stage struct {
	*feedtest.World
	t    *testing.T
	x    *Executor
	acts atomic.Int64

	claims, outcomes *hands
	forward          atomic.Int64 // what the boot clock is ahead, in nanoseconds
	brake            Brake
	sealing          Sealing
	fold             *ledger.Fold                 // reads heartbeats
	newest           atomic.Pointer[pb.Heartbeat] // of x1

	stop  context.CancelFunc
	ended chan error
}

// hands is an Appender between an outbox and the ledger.
type hands struct {
	conn *streams.Conn

	mu   sync.Mutex
	hold bool    // say "unknown" and keep the record back
	held []held  // oldest first
	lose []error // said to the next appends, which are stored only if they are nil
	n    int
}

type held struct {
	subject string
	data    []byte
}

func (h *hands) AppendAsync(ctx context.Context, subject string, data []byte, done func(uint64, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	if h.hold {
		h.held = append(h.held, held{subject, data})
		go done(0, &streams.AppendError{Class: streams.ErrUnknown, Cause: errors.New("kept back")})
		return nil
	}
	if len(h.lose) > 0 {
		err := h.lose[0]
		h.lose = h.lose[1:]
		if err != nil {
			go done(0, err)
			return nil
		}
	}
	return h.conn.AppendAsync(ctx, subject, data, done)
}

func (h *hands) keep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hold = true
}

func (h *hands) kept() []held {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]held(nil), h.held...)
}

func (h *hands) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

// newStage founds a world in which x1 is ready to be opened.
func newStage(t *testing.T, mutators ...func(*pb.Release)) *stage {
	s := &stage{World: feedtest.New(t, mutators...), t: t}
	s.Introduce("alice", "e1", "s1", "x1", "x2")
	return s
}

// open starts x1 and waits until it is armed.
func (s *stage) open(handle HandlerFunc, mark Mark) {
	s.t.Helper()
	s.begin(handle, mark)
	s.armed()
}

func (s *stage) armed() {
	s.t.Helper()
	s.Pulse()
	s.Eventually("x1 is armed", func() bool { return s.x.Status().Disarmed == "" })
}

func (s *stage) begin(handle HandlerFunc, mark Mark) {
	s.t.Helper()
	conn, me := s.Connect("x1"), s.Member("x1")
	x, err := New(Config{
		Conn: conn, Ledger: s.Zone.Ledger, ID: me.ID, Key: me.Key, Credential: me.Credential, Logger: slog.New(slog.DiscardHandler), Mark: mark, Brake: s.brake, Sealing: s.sealing,
		Handlers: map[string]Handler{"read": HandlerFunc(func(ctx context.Context, a Action) (Result, error) {
			s.acts.Add(1)
			return handle(ctx, a)
		})},
	})
	s.must(err)
	s.claims, s.outcomes = &hands{conn: conn}, &hands{conn: conn}
	box := func(h *hands, kind schemas.Kind) *outbox.Outbox {
		return outbox.New(outbox.Config{Appender: h, Kind: kind, Ledger: s.Zone.Ledger, Key: me.Key, Vouch: x.cfg.Keys.Vouch})
	}
	x.claims, x.outcomes = box(s.claims, schemas.KindClaim), box(s.outcomes, schemas.KindOutcome)
	x.clock = func() time.Duration {
		if forward := s.forward.Load(); forward >= 0 {
			return bootClock() + time.Duration(forward)
		}
		return -1
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Run(ctx) }()
	s.x, s.ended, s.stop = x, ended, cancel
	s.t.Cleanup(func() {
		cancel()
		for range ended {
			return
		}
	})
	s.t.Cleanup(cancel)
}

// close stops x1 and checks how it ends.
func (s *stage) close() {
	s.t.Helper()
	s.stop()
	err := <-s.ended
	close(s.ended)
	if !errors.Is(err, context.Canceled) {
		s.t.Errorf("Run ended with %v", err)
	}
	if status := s.x.Status(); status.Disarmed != "stopped" || status.Running != 0 {
		s.t.Errorf("after the end: %+v", status)
	}
}

// append stores what was kept back.
func (s *stage) append(h held) {
	s.t.Helper()
	_, kind, tool, err := schemas.LedgerSubject(h.subject)
	s.must(err)
	s.Write("x1", kind, tool, h.data)
}

// folded waits until x1 has read the whole ledger.
func (s *stage) folded() {
	s.t.Helper()
	last := s.Last()
	s.Eventually("x1 has read the ledger", func() bool { return s.x.Status().Position >= last })
}

// outcome waits for the one outcome of an intent.
func (s *stage) outcome(in feedtest.Intent) *pb.Outcome {
	s.t.Helper()
	var found []*pb.Outcome
	s.Eventually("an outcome of "+in.String(), func() bool {
		found = nil
		for _, o := range s.Outcomes() {
			if string(o.GetIntentDigest()) == string(in.Digest[:]) {
				found = append(found, o)
			}
		}
		return len(found) > 0
	})
	if len(found) != 1 {
		s.t.Fatalf("%d outcomes of one intent: %v", len(found), found)
	}
	return found[0]
}

func (s *stage) want(in feedtest.Intent, status pb.Status, reason pb.Reason) *pb.Outcome {
	s.t.Helper()
	o := s.outcome(in)
	if o.GetStatus() != status || o.GetReason() != reason {
		s.t.Errorf("outcome %v for %v, want %v for %v", o.GetStatus(), o.GetReason(), status, reason)
	}
	return o
}

func (s *stage) acted(times int64) {
	s.t.Helper()
	if n := s.acts.Load(); n != times {
		s.t.Errorf("acted %d times, want %d", n, times)
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func quick(context.Context, Action) (Result, error) { return Result{Data: []byte("done")}, nil }

// goroutines are those that run code of a package.
func goroutines(pkg string) (stacks []string) {
	buf := make([]byte, 1<<22)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, pkg) && !strings.Contains(stack, "testing.tRunner") {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
