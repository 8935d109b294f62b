package heartbeat_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

var (
	ledgerID    = trust.DigestOf([]byte("a ledger"))
	build       = trust.DigestOf([]byte("an executable"))
	settings    = heartbeat.Digest("a", "setting")
	incarnation = [16]byte{1, 2, 3}
	enforcer    = trusttest.ID(pb.Role_ROLE_ENFORCER, "e1")
	key         = trusttest.Key("e1")
)

// broker is an Appender that takes its time and remembers what it was given.
type broker struct {
	t     testing.TB
	begin time.Time

	takes func(n int) (time.Duration, error) // of append n, from 1; nil: none, stored

	mu       sync.Mutex
	beats    []beat
	inFlight int
}

// beat is one append: when it began, and how long it could have taken.
type beat struct {
	*pb.Heartbeat
	at      time.Duration
	timeout time.Duration
}

func newBroker(t testing.TB) *broker { return &broker{t: t, begin: time.Now()} }

func (b *broker) Append(ctx context.Context, subject string, data []byte) (uint64, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		b.t.Error("an append without an end")
	}
	n := b.arrived(beat{b.open(subject, data), time.Since(b.begin), time.Until(deadline)})
	defer b.left()
	if b.takes == nil {
		return uint64(n), nil
	}
	duration, err := b.takes(n)
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(duration):
		return uint64(n), err
	}
}

// open checks what no beat may lack.
func (b *broker) open(subject string, data []byte) *pb.Heartbeat {
	if subject != "heartbeat.z1.enforcer.e1" {
		b.t.Errorf("a beat on %s", subject)
	}
	env, err := trust.ParseEnvelope(data)
	if err != nil {
		b.t.Errorf("not an envelope: %v", err)
		return nil
	}
	if env.PayloadType != schemas.KindHeartbeat.PayloadType() || len(env.Signatures) != 1 || !env.VerifiedBy(0, key.Public()) {
		b.t.Error("an envelope of another kind, or not signed by the key alone")
	}
	hb := new(pb.Heartbeat)
	if err := schemas.Decode(env.Payload, schemas.MaxItem, hb); err != nil {
		b.t.Error(err)
	}
	return hb
}

func (b *broker) arrived(one beat) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.beats = append(b.beats, one)
	if b.inFlight++; b.inFlight > 1 {
		b.t.Error("two appends in flight")
	}
	return len(b.beats)
}

func (b *broker) left() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
}

func (b *broker) all() []beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]beat(nil), b.beats...)
}

// times lists when beats began.
func (b *broker) times() string {
	var all []time.Duration
	for _, one := range b.all() {
		all = append(all, one.at)
	}
	return fmt.Sprint(all)
}

func config(b *broker, interval time.Duration) heartbeat.Config {
	return heartbeat.Config{
		Conn: b, Ledger: ledgerID, ID: enforcer, Key: key, Incarnation: incarnation, Build: build, Settings: settings,
		Read: func() (*pb.Heartbeat, time.Duration) { return known(), interval },
	}
}

// known is what a participant may know.
func known() *pb.Heartbeat {
	return &pb.Heartbeat{Epoch: 2, Head: &pb.Head{Number: 2, Digest: make([]byte, 32)}, Position: 7, Lag: 1, Started: true}
}

// start runs the beats until the returned function has been called.
func start(t testing.TB, cfg heartbeat.Config) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- heartbeat.Run(ctx, cfg) }()
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v, want the context's error", err)
		}
	}
}

func TestABeatSaysWhoWhatAndWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		cfg := config(b, time.Second)
		cfg.Read = func() (*pb.Heartbeat, time.Duration) {
			hb := known()
			hb.Ledger, hb.Participant, hb.Counter = make([]byte, 32), "spiffe://example.test/z1/executor/x1", 99
			return hb, time.Second
		}
		stop := start(t, cfg)
		time.Sleep(2500 * time.Millisecond)
		stop()
		beats := b.all()
		if len(beats) != 3 {
			t.Fatalf("%d beats, want 3", len(beats))
		}
		for i, got := range beats {
			if string(got.GetLedger()) != string(ledgerID[:]) || got.GetParticipant() != enforcer.String() ||
				string(got.GetIncarnation()) != string(incarnation[:]) || got.GetCounter() != uint64(i+1) ||
				string(got.GetBuildDigest()) != string(build[:]) || string(got.GetConfigDigest()) != string(settings[:]) {
				t.Errorf("beat %d does not say who: %v", i, got)
			}
			if got.GetEpoch() != 2 || got.GetHead().GetNumber() != 2 || got.GetPosition() != 7 || got.GetLag() != 1 || !got.GetStarted() {
				t.Errorf("beat %d does not say what was read: %v", i, got)
			}
			if want := b.begin.Add(got.at); !got.GetClock().AsTime().Equal(want) {
				t.Errorf("beat %d says %v, was made at %v", i, got.GetClock().AsTime(), want)
			}
		}
	})
}

func TestBeatsComeOnceAnInterval(t *testing.T) {
	tests := []struct {
		says, want, timeout time.Duration
	}{
		{0, 250 * time.Millisecond, 250 * time.Millisecond},
		{time.Second, time.Second, time.Second},
		{time.Minute, time.Minute, 2 * time.Second},
		{30 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond},
		{time.Nanosecond, 10 * time.Millisecond, 100 * time.Millisecond},
		{-time.Hour, 10 * time.Millisecond, 100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.says.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				stop := start(t, config(b, tt.says))
				time.Sleep(9*tt.want + tt.want/2)
				stop()
				beats := b.all()
				if len(beats) != 10 {
					t.Fatalf("%d beats, want 10", len(beats))
				}
				for i, got := range beats {
					if got.at != time.Duration(i)*tt.want || got.timeout != tt.timeout {
						t.Errorf("beat %d after %v with %v to be stored, want %v and %v", i, got.at, got.timeout, time.Duration(i)*tt.want, tt.timeout)
					}
				}
			})
		})
	}
}

// TestTheIntervalFollowsTheRelease: what Read says last is what counts.
func TestTheIntervalFollowsTheRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		cfg := config(b, 0)
		cfg.Read = func() (*pb.Heartbeat, time.Duration) {
			if time.Since(b.begin) >= 200*time.Millisecond {
				return known(), 50 * time.Millisecond
			}
			return known(), 100 * time.Millisecond
		}
		stop := start(t, cfg)
		time.Sleep(320 * time.Millisecond)
		stop()
		if got := b.times(); got != "[0s 100ms 200ms 250ms 300ms]" {
			t.Errorf("beats at %s", got)
		}
	})
}

func TestNothingToSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		cfg := config(b, 0)
		cfg.Read = func() (*pb.Heartbeat, time.Duration) {
			if time.Since(b.begin) < time.Second {
				return nil, 0
			}
			return known(), 0
		}
		stop := start(t, cfg)
		time.Sleep(1300 * time.Millisecond)
		stop()
		if got := b.times(); got != "[1s 1.25s]" {
			t.Errorf("beats at %s", got)
		}
		if first := b.all()[0].GetCounter(); first != 1 {
			t.Errorf("the first beat has counter %d", first)
		}
	})
}

// TestSlowAppends: they are given up when the next beat is due, or, if beats are
// quicker than any append can be, when they had their time; later, if that was too
// soon. Who was acknowledged late rests.
func TestSlowAppends(t *testing.T) {
	tests := []struct {
		name            string
		interval, takes time.Duration
		want            string
	}{
		{"never acknowledged", 250 * time.Millisecond, time.Hour, "[0s 250ms 750ms 1.75s]"},
		{"acknowledged in time", 250 * time.Millisecond, 200 * time.Millisecond, "[0s 250ms 500ms 750ms 1s 1.25s 1.5s 1.75s]"},
		{"acknowledged late", 250 * time.Millisecond, 400 * time.Millisecond, "[0s 250ms 900ms 1.55s]"},
		{"slower than beats", 50 * time.Millisecond, 90 * time.Millisecond, "[0s 140ms 280ms 420ms 560ms 700ms 840ms 980ms 1.12s 1.26s 1.4s 1.54s 1.68s]"},
		{"quick beats, never acknowledged", 50 * time.Millisecond, time.Hour, "[0s 100ms 300ms 500ms 700ms 900ms 1.1s 1.3s 1.5s 1.7s]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				b.takes = func(int) (time.Duration, error) { return tt.takes, nil }
				stop := start(t, config(b, tt.interval))
				time.Sleep(1760 * time.Millisecond)
				stop()
				if got := b.times(); got != tt.want {
					t.Errorf("beats at %s, want %s", got, tt.want)
				}
			})
		})
	}
}

func TestNowBeatsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		now := make(chan struct{}, 1)
		cfg := config(b, 100*time.Millisecond)
		cfg.Now = now
		stop := start(t, cfg)
		time.Sleep(30 * time.Millisecond)
		now <- struct{}{} // at once, and the next an interval later
		time.Sleep(103 * time.Millisecond)
		now <- struct{}{} // 3 ms after a beat: 2 ms later
		time.Sleep(20 * time.Millisecond)
		for range 12 { // a storm from 153 ms on
			select {
			case now <- struct{}{}:
			default:
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		stop()
		if got := b.times(); got != "[0s 30ms 130ms 135ms 153ms 158ms 163ms 168ms]" {
			t.Errorf("beats at %s", got)
		}
	})
}

// TestNowWhileAnAppendIsOnItsWay: the request is kept and answered by one beat
// with newer knowledge.
func TestNowWhileAnAppendIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.takes = func(int) (time.Duration, error) { return 60 * time.Millisecond, nil }
		now := make(chan struct{}, 1)
		cfg := config(b, 100*time.Millisecond)
		cfg.Now = now
		stop := start(t, cfg)
		time.Sleep(10 * time.Millisecond)
		now <- struct{}{}
		time.Sleep(125 * time.Millisecond)
		stop()
		if got := b.times(); got != "[0s 60ms]" {
			t.Errorf("beats at %s", got)
		}
	})
}

func TestAClosedNowAsksForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		now := make(chan struct{})
		close(now)
		cfg := config(b, 100*time.Millisecond)
		cfg.Now = now
		stop := start(t, cfg)
		time.Sleep(250 * time.Millisecond)
		stop()
		if got := b.times(); got != "[0s 100ms 200ms]" {
			t.Errorf("beats at %s", got)
		}
	})
}

// TestLostBeats: a beat that fails is not sent again, its counter not used
// again, and the log is told less often the more are lost.
func TestLostBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.takes = func(n int) (time.Duration, error) {
			if n <= 20 {
				return 0, errors.New("the ledger is away")
			}
			return 0, nil
		}
		var log strings.Builder
		cfg := config(b, 100*time.Millisecond)
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		stop := start(t, cfg)
		time.Sleep(2950 * time.Millisecond)
		stop()
		beats := b.all()
		if len(beats) != 30 {
			t.Fatalf("%d beats, want 30", len(beats))
		}
		for i, got := range beats {
			if got.GetCounter() != uint64(i+1) {
				t.Errorf("beat %d has counter %d", i+1, got.GetCounter())
			}
		}
		if warned := strings.Count(log.String(), "\n"); warned != 5 || !strings.Contains(log.String(), "lost_so_far=16") || !strings.Contains(log.String(), "the ledger is away") {
			t.Errorf("20 lost beats were logged as\n%s", &log)
		}
	})
}

// TestWhatCannotBeSaidIsLost: a beat that readers would refuse is not sent.
func TestWhatCannotBeSaidIsLost(t *testing.T) {
	finding := &pb.Finding{Rule: "a.b", Level: pb.Level_LEVEL_WARN, Subject: "s", Detail: strings.Repeat("x", 2048), Since: timestamppb.New(trusttest.Start)}
	tests := []struct {
		name   string
		change func(*pb.Heartbeat)
		says   string
	}{
		{"no head", func(h *pb.Heartbeat) { h.Head = nil }, "head"},
		{"a rule of the schema", func(h *pb.Heartbeat) { h.Release = make([]byte, 33) }, "release"},
		{"too large", func(h *pb.Heartbeat) {
			for range 40 {
				h.Findings = append(h.Findings, finding)
			}
		}, "65536"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				var log strings.Builder
				cfg := config(b, 0)
				cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
				cfg.Read = func() (*pb.Heartbeat, time.Duration) {
					hb := known()
					if time.Since(b.begin) == 0 {
						tt.change(hb)
					}
					return hb, 0
				}
				stop := start(t, cfg)
				time.Sleep(300 * time.Millisecond)
				stop()
				if got := b.all(); len(got) != 1 || got[0].GetCounter() != 2 {
					t.Errorf("appended %v, want the second beat alone", got)
				}
				if !strings.Contains(log.String(), tt.says) {
					t.Errorf("the log does not say %q:\n%s", tt.says, &log)
				}
			})
		})
	}
}

// TestALongReasonIsCut: nobody falls silent because an error is long.
func TestALongReasonIsCut(t *testing.T) {
	tests := []struct{ name, says, want string }{
		{"short", "the pulse is stale", "the pulse is stale"},
		{"longest", strings.Repeat("ä", 1024), strings.Repeat("ä", 1024)},
		{"long", strings.Repeat("ä", 1025), strings.Repeat("ä", 1024)},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				cfg := config(b, 0)
				cfg.Read = func() (*pb.Heartbeat, time.Duration) {
					hb := known()
					hb.Disarmed = tt.says
					return hb, 0
				}
				stop := start(t, cfg)
				synctest.Wait()
				stop()
				if got := b.all(); len(got) != 1 || got[0].GetDisarmed() != tt.want {
					t.Errorf("appended %v, want the reason %q", got, tt.want)
				}
			})
		})
	}
}

func TestRunEndsWhileAnAppendIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(t)
		b.takes = func(int) (time.Duration, error) { return time.Hour, nil }
		var log strings.Builder
		cfg := config(b, time.Second)
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		stop := start(t, cfg)
		time.Sleep(100 * time.Millisecond)
		stop()
		if took := time.Since(b.begin); took != 100*time.Millisecond || log.Len() > 0 {
			t.Errorf("ended after %v and logged %q", took, &log)
		}
	})
}

func TestConfigurationsThatLackSomething(t *testing.T) {
	good := config(newBroker(t), 0)
	tests := []struct {
		name   string
		change func(*heartbeat.Config)
		says   string
	}{
		{"all", func(c *heartbeat.Config) { *c = heartbeat.Config{} }, "ID"},
		{"participant", func(c *heartbeat.Config) { c.ID = trust.Identity{} }, "ID"},
		{"role that beats", func(c *heartbeat.Config) { c.ID = trusttest.ID(pb.Role_ROLE_AGENT, "alice") }, "role"},
		{"connection", func(c *heartbeat.Config) { c.Conn = nil }, "Conn"},
		{"key", func(c *heartbeat.Config) { c.Key = nil }, "Key"},
		{"reader", func(c *heartbeat.Config) { c.Read = nil }, "Read"},
		{"ledger", func(c *heartbeat.Config) { c.Ledger = trust.Digest{} }, "Ledger"},
		{"incarnation", func(c *heartbeat.Config) { c.Incarnation = [16]byte{} }, "Incarnation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := heartbeat.Run(ctx, cfg); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Run ended with %v, want an error about %s", err, tt.says)
			}
		})
	}
}

// TestBeatsWhateverHappens: whatever appends do and whoever asks, counters only
// grow, beats keep their distance, and none is later than the slowest append
// that is allowed and an interval's rest.
func TestBeatsWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		millis := func(name string, least, most int) time.Duration {
			return time.Duration(rapid.IntRange(least, most).Draw(rt, name)) * time.Millisecond
		}
		interval := millis("interval", 10, 600)
		appends := make([]time.Duration, 20)
		for i := range appends {
			appends[i] = millis("append", 0, 700)
		}
		fails := rapid.SliceOfN(rapid.Bool(), 20, 20).Draw(rt, "fails")
		asks := make([]time.Duration, rapid.IntRange(0, 20).Draw(rt, "asks"))
		for i := range asks {
			asks[i] = millis("ask", 0, 60)
		}
		synctest.Test(t, func(t *testing.T) {
			b := newBroker(t)
			b.takes = func(n int) (time.Duration, error) {
				if fails[n%len(fails)] {
					return appends[n%len(appends)], errors.New("away")
				}
				return appends[n%len(appends)], nil
			}
			now := make(chan struct{}, 1)
			cfg := config(b, interval)
			cfg.Now = now
			stop := start(t, cfg)
			for _, pause := range asks {
				time.Sleep(pause)
				select {
				case now <- struct{}{}:
				default:
				}
			}
			time.Sleep(9 * time.Second)
			stop()
			checkPace(t, b.all(), interval)
		})
		if t.Failed() {
			rt.FailNow()
		}
	})
}

func checkPace(t *testing.T, beats []beat, interval time.Duration) {
	t.Helper()
	if len(beats) < 3 {
		t.Fatalf("%d beats in 9 s or more", len(beats))
	}
	for i, next := range beats[1:] {
		gap := next.at - beats[i].at
		if next.GetCounter() != beats[i].GetCounter()+1 {
			t.Errorf("counter %d after %d", next.GetCounter(), beats[i].GetCounter())
		}
		if gap < 5*time.Millisecond || gap > interval+min(max(4*interval, 100*time.Millisecond), 2*time.Second) {
			t.Errorf("beat %d came %v after the one before, at an interval of %v", i+1, gap, interval)
		}
	}
}
