package sentinel

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/core/drift"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Config is what a sentinel needs. All fields are required but those that say
// otherwise, and the digests.
type Config struct {
	Conn       *streams.Conn
	Ledger     trust.Digest // digest of the genesis that it is pinned to
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte // the Credential envelope that binds Key to ID
	Logger     *slog.Logger

	// Keys are shared with the other parts of this process; nil: with nobody.
	Keys *ledger.Keys

	// Build and Settings are the digests of the executable and of the effective
	// configuration that heartbeats state.
	Build, Settings trust.Digest

	// Meter watches it; nil: nobody does.
	Meter *telemetry.Sentinel
}

func (c Config) check() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.Logger == nil {
		return errors.New("sentinel: Conn, Ledger, ID, Key, Credential and Logger are all required")
	}
	return nil
}

// Sentinel watches, pulses and trips. Make one with New, then Run it once.
type Sentinel struct {
	cfg         Config
	incarnation [16]byte
	status      atomic.Pointer[Status]
	alarm       chan struct{} // capacity 1: something happened that may call for a trip
	now         chan struct{} // capacity 1: beat at once
	moved       chan struct{} // capacity 1: pulse at once

	mu  sync.Mutex // the feed's guard
	eye *eye       // what it knows; nil while it finds out where to begin
}

// Status is what a sentinel knows of itself and of its zone.
type Status struct {
	Silent   string          // why it does not pulse; empty if it does
	Pulses   uint64          // acknowledged since it started
	Trips    uint64          // the same, of trips
	Findings []drift.Finding // what drifts, worst first; not to be changed
}

// New prepares a sentinel.
func New(cfg Config) (*Sentinel, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Keys = cmp.Or(cfg.Keys, ledger.NewKeys())
	s := &Sentinel{cfg: cfg, alarm: make(chan struct{}, 1), now: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	if _, err := rand.Read(s.incarnation[:]); err != nil {
		return nil, fmt.Errorf("sentinel: no randomness for an incarnation: %w", err)
	}
	s.status.Store(&Status{Silent: "starting"})
	return s, nil
}

// Status is a snapshot. Safe for concurrent use.
func (s *Sentinel) Status() Status { return *s.status.Load() }

// Run introduces the sentinel's credential, follows the ledger and the
// heartbeats, and pulses and trips until ctx ends. It returns ctx's error, or why
// the ledger cannot be followed.
func (s *Sentinel) Run(ctx context.Context) error {
	subject := schemas.Subject(s.cfg.ID.Zone, schemas.KindCredential, s.cfg.ID.Name)
	if err := streams.Introduce(ctx, s.cfg.Conn, subject, s.cfg.Credential); err != nil {
		return fmt.Errorf("sentinel: introducing the credential: %w", err)
	}
	deafen, err := s.cfg.Conn.SubscribeHeartbeats(s.hear)
	if err != nil {
		return fmt.Errorf("sentinel: listening for heartbeats: %w", err)
	}
	defer deafen()
	unsubscribe, err := s.cfg.Conn.SubscribeCheckpoints(s.witness)
	if err != nil {
		return fmt.Errorf("sentinel: listening for checkpoints: %w", err)
	}
	defer unsubscribe()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.beat(ctx) })
	g.Go(func() error { return s.catchUpWithTrees(ctx) })
	g.Go(func() error {
		return feed.KeepIntroduced(ctx, s.cfg.Conn, subject, s.cfg.Credential, s.unknown)
	})
	g.Go(func() error {
		return heartbeat.Run(ctx, heartbeat.Config{
			Conn: s.cfg.Conn, Ledger: s.cfg.Ledger, ID: s.cfg.ID, Key: s.cfg.Key, Incarnation: s.incarnation,
			Build: s.cfg.Build, Settings: s.cfg.Settings, Logger: s.cfg.Logger, Read: s.heartbeat, Now: s.now,
		})
	})
	return g.Wait()
}

// unknown reports whether the ledger lacks its credential.
func (s *Sentinel) unknown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.eye
	return e != nil && e.health.Started() && feed.Unknown(e.fold, s.cfg.Key.ID())
}

// ring asks for something on a channel of capacity 1.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
