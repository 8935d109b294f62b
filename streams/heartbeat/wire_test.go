package heartbeat_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portcullis-dev/portcullis/core/trust/trusttest"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed/feedtest"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// on is the configuration of a participant of a real zone.
func on(w *feedtest.World, who string) heartbeat.Config {
	head, m := w.Fold().Governance().Head().Proto(), w.Member(who)
	return heartbeat.Config{
		Conn: w.Connect(who), Ledger: w.Zone.Ledger, ID: m.ID, Key: m.Key, Incarnation: incarnation, Build: build, Settings: settings,
		Read: func() (*pb.Heartbeat, time.Duration) { return &pb.Heartbeat{Head: head}, 20 * time.Millisecond },
	}
}

// sentinel folds what s1 hears.
type sentinel struct {
	roster *heartbeat.Roster

	mu      sync.Mutex
	refused []error // guarded by mu
}

func watch(t *testing.T, w *feedtest.World) *sentinel {
	t.Helper()
	s, fold := &sentinel{roster: heartbeat.NewRoster()}, w.Fold()
	stop, err := w.Connect("s1").SubscribeHeartbeats(func(raw streams.Raw) {
		beat, cred, err := fold.Heartbeat(raw.Subject, raw.Data)
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.refused = append(s.refused, err)
			return
		}
		s.roster.Add(heartbeat.Seen{Beat: beat, From: cred.ID, Stored: raw.Time, Received: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return s
}

func (s *sentinel) noise() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.refused...)
}

// TestBeatsReachASentinel: over a real broker, from one participant's Run to
// another's roster.
func TestBeatsReachASentinel(t *testing.T) {
	w := feedtest.New(t)
	w.Introduce("e1", "x1", "s1")
	s := watch(t, w)
	for _, who := range []string{"e1", "x1", "s1"} {
		t.Cleanup(start(t, on(w, who)))
	}
	w.Eventually("three participants have beaten three times", func() bool {
		all := s.roster.All()
		for _, one := range all {
			if one.Beat.GetCounter() < 3 {
				return false
			}
		}
		return len(all) == 3
	})
	for i, want := range []string{"e1", "x1", "s1"} {
		got := s.roster.All()[i]
		if got.From != w.Member(want).ID || got.Stored.IsZero() || got.Beat.GetHead().GetNumber() != 2 {
			t.Errorf("participant %d is %+v, want %s", i, got, want)
		}
	}
	if noise := s.noise(); len(noise) > 0 {
		t.Errorf("refused: %v", noise)
	}
}

// TestImpostersAreNotSeen: one that beats on another's subject is stopped by the
// broker; one that has another's connection but not its key, by the signature;
// one whose key nobody introduced, by the ledger.
func TestImpostersAreNotSeen(t *testing.T) {
	tests := []struct {
		name   string
		change func(*feedtest.World, *heartbeat.Config)
		lost   string    // what the imposter's own log says
		reason pb.Reason // why the sentinel refuses
	}{
		{"another's subject", func(w *feedtest.World, c *heartbeat.Config) {
			c.ID, c.Key = w.Member("x1").ID, w.Member("x1").Key
		}, "refused", 0},
		{"another's connection and name", func(w *feedtest.World, c *heartbeat.Config) {
			c.Conn, c.ID = w.Connect("x1"), w.Member("x1").ID
		}, "", pb.Reason_REASON_NOISE_NAME},
		{"another's connection", func(w *feedtest.World, c *heartbeat.Config) {
			c.Conn = appendTo{w.Connect("x1"), schemas.Subject(feedtest.ZoneName, schemas.KindHeartbeat, "executor.x1")}
		}, "", pb.Reason_REASON_NOISE_SUBJECT},
		{"an unknown key", func(_ *feedtest.World, c *heartbeat.Config) { c.Key = trusttest.Key("nobody") }, "", pb.Reason_REASON_NOISE_SIGNER},
		{"another ledger", func(_ *feedtest.World, c *heartbeat.Config) { c.Ledger = ledgerID }, "", pb.Reason_REASON_NOISE_LEDGER},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := feedtest.New(t)
			w.Introduce("e1", "x1", "s1")
			s := watch(t, w)
			cfg := on(w, "e1")
			tt.change(w, &cfg)
			log := &lines{}
			cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
			stop := start(t, cfg)
			w.Eventually("it was refused", func() bool {
				return tt.lost != "" && strings.Contains(log.text(), tt.lost) || tt.lost == "" && len(s.noise()) > 1
			})
			stop()
			if all := s.roster.All(); len(all) > 0 {
				t.Errorf("the roster holds %v", all)
			}
			for _, err := range s.noise() {
				if got := schemas.ReasonOf(err); got != tt.reason {
					t.Errorf("refused for %v (%v), want %v", got, err, tt.reason)
				}
			}
		})
	}
}

// appendTo appends elsewhere than it is told.
type appendTo struct {
	*streams.Conn
	subject string
}

func (a appendTo) Append(ctx context.Context, _ string, data []byte) (uint64, error) {
	return a.Conn.Append(ctx, a.subject, data)
}

// lines is a log that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
