package enforcer

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
)

// bench is a world in which enforcers are started and stopped.
type bench struct {
	*feedtest.World
	t *testing.T
}

func newBench(t *testing.T) *bench {
	b := &bench{feedtest.New(t), t}
	b.Introduce("alice", "s1")
	return b
}

// with runs an enforcer for as long as a test needs it.
func (b *bench) with(name string, test func(e *Enforcer)) {
	b.t.Helper()
	e, stop := b.start(name)
	test(e)
	stop()
	b.Eventually("every goroutine has ended", func() bool {
		buf := make([]byte, 1<<22)
		stacks := string(buf[:runtime.Stack(buf, true)])
		return !strings.Contains(stacks, "enforcer.(*Enforcer)") && !strings.Contains(stacks, "enforcer.(*publisher)")
	})
}

// start is startWith nothing out of the ordinary.
func (b *bench) start(name string) (*Enforcer, func()) {
	b.t.Helper()
	return b.startWith(name, func(*Config) {})
}

// startWith runs an enforcer that has caught up, until stop is called.
func (b *bench) startWith(name string, change func(*Config)) (*Enforcer, func()) {
	b.t.Helper()
	me := b.Member(name)
	conn := b.Connect(name)
	cfg := Config{Conn: conn, Ledger: b.Zone.Ledger, ID: me.ID, Key: me.Key, Credential: me.Credential, Logger: slog.New(slog.DiscardHandler)}
	change(&cfg)
	e, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	select {
	case <-e.CaughtUp():
	case err := <-ended:
		b.t.Fatalf("Run ended with %v", err)
	case <-time.After(feedtest.Patience):
		b.t.Fatal("not caught up")
	}
	return e, func() {
		b.t.Helper()
		e.box.Flush()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			b.t.Errorf("Run ended with %v", err)
		}
		conn.Close()
	}
}

// decisions are those on the ledger by the position of their intents, each with
// how often it stands there and under how many different texts.
func (b *bench) decisions() map[ledger.Position]map[trust.Digest]int {
	b.t.Helper()
	all := map[ledger.Position]map[trust.Digest]int{}
	for _, raw := range b.Records(schemas.KindDecision) {
		env, err := trust.ParseEnvelope(raw.Data)
		if err != nil {
			continue
		}
		_, items, err := trust.ParseList(env.Payload)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, item := range items {
			d := new(pb.Decision)
			if err := schemas.Decode(item, schemas.MaxItem, d); err != nil {
				b.t.Fatal(err)
			}
			at := ledger.PositionOf(d.GetIntent())
			if all[at] == nil {
				all[at] = map[trust.Digest]int{}
			}
			all[at][trust.DigestOf(item)]++
		}
	}
	return all
}

func (b *bench) decided(at ledger.Position) {
	b.t.Helper()
	b.Eventually("a decision on "+at.String(), func() bool { return len(b.decisions()[at]) > 0 })
}

// TestARestartedEnforcerDecidesWhatIsLeftAndNothingTwice: not what a quorum has
// decided, readable or not; all that came while it was away; and no re-send.
func TestARestartedEnforcerDecidesWhatIsLeftAndNothingTwice(t *testing.T) {
	b := newBench(t)
	alice := b.Member("alice")
	unreadable := func() ledger.Position {
		return ledger.Position{Seq: b.Write("alice", schemas.KindIntent, "alice", alice.Seal(schemas.KindIntent, []byte("no list")))}
	}
	resend := func(in feedtest.Intent) {
		item, err := schemas.Marshal(in.Content)
		if err != nil {
			t.Fatal(err)
		}
		b.Write("alice", schemas.KindIntent, "alice", alice.List(schemas.KindIntent, b.Zone.Ledger, item))
	}
	var want []ledger.Position
	for _, session := range []string{"first", "second", "third"} {
		before := b.Propose(session+"-away", time.Minute)
		want = append(want, before.Position, unreadable())
		b.with("e1", func(e *Enforcer) {
			during := b.Propose(session, time.Minute)
			want = append(want, during.Position, unreadable())
			resend(before)
			last := b.Last()
			b.decided(want[len(want)-1])
			b.Eventually("all is read", func() bool { return e.Status().Position >= last })
			if s := e.Status(); !s.CaughtUp || s.Divergences != 0 || s.Silent != "" {
				t.Errorf("status %+v", s)
			}
		})
		resend(before)
	}
	got := b.decisions()
	if len(got) != len(want) {
		t.Errorf("%d intents were decided, want %d", len(got), len(want))
	}
	for _, at := range want {
		if len(got[at]) != 1 {
			t.Errorf("%d different decisions on %v", len(got[at]), at)
		}
		for _, times := range got[at] {
			if times != 1 {
				t.Errorf("the decision on %v stands %d times", at, times)
			}
		}
	}
}

// TestTheSecondEnforcerStepsInAndAgrees: e1 is away; e2's rank comes after a
// hedging delay, and e1, back, has nothing to add nor to contradict (S5).
func TestTheSecondEnforcerStepsInAndAgrees(t *testing.T) {
	b := newBench(t)
	var at ledger.Position
	b.with("e2", func(*Enforcer) {
		at = b.Propose("s", time.Minute).Position
		b.decided(at)
	})
	b.with("e1", func(e *Enforcer) {
		next := b.Propose("next", time.Minute)
		b.decided(next.Position)
		if n := e.Status().Divergences; n != 0 {
			t.Errorf("%d divergences", n)
		}
	})
	for at, texts := range b.decisions() {
		if len(texts) != 1 {
			t.Errorf("%d different decisions on %v", len(texts), at)
		}
	}
}

// TestAnotherDecisionIsADivergence, counted although one signature suffices.
func TestAnotherDecisionIsADivergence(t *testing.T) {
	b := newBench(t)
	b.Introduce("e2")
	var mu sync.Mutex
	said := new(pb.Heartbeat)
	stop, err := b.Connect("s1").SubscribeHeartbeats(func(raw streams.Raw) {
		if beat, _, err := b.Fold().Heartbeat(raw.Subject, raw.Data); err == nil {
			mu.Lock()
			defer mu.Unlock()
			said = beat
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	b.with("e1", func(e *Enforcer) {
		in := b.Propose("s", time.Minute)
		b.decided(in.Position)
		b.Decide("e2", in, func(d *pb.Decision) {
			d.Verdict, d.Reasons = pb.Verdict_VERDICT_DENY_UNSPECIFIED, []pb.Reason{pb.Reason_REASON_HALTED}
		})
		b.Eventually("the divergence is noticed", func() bool { return e.Status().Divergences > 0 })
		b.Eventually("its heartbeats say where", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return said.GetDivergences() > 0 && said.GetDivergedAt() > in.Position.Seq
		})
	})
}

// TestADecisionOnWhatIsNotThereYetCountsForNothing: a corrupted enforcer decides
// ahead of time; who starts later still decides by itself.
func TestADecisionOnWhatIsNotThereYetCountsForNothing(t *testing.T) {
	b := newBench(t)
	b.Introduce("e2")
	earlier := b.Propose("earlier", time.Minute)
	future := earlier
	future.Position.Seq = b.Last() + 3 // after the forgery and e1's credential
	b.Allow("e2", earlier)
	b.Decide("e2", future, func(d *pb.Decision) { d.IntentDigest = make([]byte, 32) })
	b.with("e1", func(*Enforcer) {
		in := b.Propose("s", time.Minute)
		for in.Position.Seq < future.Position.Seq {
			in = b.Propose(in.Position.String()[:1]+"-more", time.Minute)
		}
		b.Eventually("its own decision", func() bool {
			for _, texts := range b.decisions()[in.Position] {
				if texts > 0 {
					return true
				}
			}
			return false
		})
	})
}

// TestItIsSilentWhileAPulseNamesAnotherHistory: someone withholds or forks the
// ledger, and inability is not a verdict.
func TestItIsSilentWhileAPulseNamesAnotherHistory(t *testing.T) {
	b := newBench(t)
	b.with("e1", func(e *Enforcer) {
		gov := b.Fold().Governance()
		head := gov.Head().Proto()
		head.Number++
		b.PulseOf(head, gov.Release().Digest)
		in := b.Propose("s", time.Minute)
		b.Eventually("it has read the intent", func() bool { return e.Status().Position >= in.Position.Seq })
		if e.Status().Silent == "" {
			t.Error("it does not say that it is silent")
		}
		time.Sleep(4 * hedge)
		if n := len(b.decisions()); n != 0 {
			t.Errorf("%d decisions", n)
		}
		b.Pulse()
		after := b.Propose("after", time.Minute)
		b.decided(after.Position)
	})
}

func TestNoiseIsCounted(t *testing.T) {
	b := newBench(t)
	b.with("e1", func(e *Enforcer) {
		for range 5 {
			b.Write("alice", schemas.KindIntent, "alice", []byte("noise"))
		}
		b.WriteForeign("alice", schemas.KindIntent, "alice", []byte("noise"))
		b.Eventually("all is counted", func() bool { return e.Status().Noise == 6 })
		b.decided(b.Propose("s", time.Minute).Position)
	})
}

func TestAConfigWithAHoleIsRefused(t *testing.T) {
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Credential") {
		t.Errorf("New with nothing: %v", err)
	}
}
