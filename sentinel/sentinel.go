// Package sentinel is the watchdog: it pulses while all is well. Without a
// fresh pulse no claim is valid, so when the last sentinel falls silent,
// everything stops (S4).
//
// It pulses only after it has read its own ledger to the end, found the server
// as durable as the release demands, and completed a round trip to the stream's
// leader with the pulse before.
package sentinel

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Config is what a sentinel needs. All fields are required.
type Config struct {
	Conn       *streams.Conn
	Ledger     trust.Digest // digest of the genesis that it is pinned to
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte // the Credential envelope that binds Key to ID
	Logger     *slog.Logger
}

func (c Config) check() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.Logger == nil {
		return errors.New("sentinel: Conn, Ledger, ID, Key, Credential and Logger are all required")
	}
	return nil
}

// Sentinel pulses. Make one with New, then Run it once.
type Sentinel struct {
	cfg         Config
	incarnation [16]byte
	keys        *ledger.Keys
	health      *feed.Health
	status      atomic.Pointer[Status]

	mu   sync.Mutex // the feed's guard
	fold *ledger.Fold
	skew feed.Skew
}

// Status is what a sentinel knows of itself.
type Status struct {
	Silent string // why it does not pulse; empty if it does
	Pulses uint64 // acknowledged since it started
}

// New prepares a sentinel.
func New(cfg Config) (*Sentinel, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Sentinel{cfg: cfg, keys: ledger.NewKeys(), health: feed.NewHealth(cfg.Conn, cfg.Logger)}
	if _, err := rand.Read(s.incarnation[:]); err != nil {
		return nil, fmt.Errorf("sentinel: no randomness for an incarnation: %w", err)
	}
	s.status.Store(&Status{Silent: "starting"})
	return s, nil
}

// Status is a snapshot. Safe for concurrent use.
func (s *Sentinel) Status() Status { return *s.status.Load() }

// Run introduces the sentinel's credential, follows the ledger and pulses until
// ctx ends. It returns ctx's error, or why the ledger cannot be followed.
func (s *Sentinel) Run(ctx context.Context) error {
	subject := schemas.Subject(s.cfg.ID.Zone, schemas.KindCredential, s.cfg.ID.Name)
	if err := streams.Introduce(ctx, s.cfg.Conn, subject, s.cfg.Credential); err != nil {
		return fmt.Errorf("sentinel: introducing the credential: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.beat(ctx) })
	return g.Wait()
}

func (s *Sentinel) follow(ctx context.Context) error {
	nothing := func(*ledger.Parsed) struct{} { return struct{}{} }
	return feed.Run(ctx, feed.Config{
		Conn: s.cfg.Conn, Zone: s.cfg.ID.Zone, Ledger: s.cfg.Ledger, Keys: s.keys, Logger: s.cfg.Logger, Guard: &s.mu,
		Skip: []schemas.Kind{
			schemas.KindIntent, schemas.KindDecision, schemas.KindClaim, schemas.KindOutcome, schemas.KindApproval,
		},
		CaughtUp: s.health.CaughtUp, State: s.health.Observe(ctx),
	}, nothing, s.step)
}

// step runs with mu held. A pulse of this sentinel's own tells most about its
// clock: it was stored after it was made, even if it is read much later.
func (s *Sentinel) step(f *ledger.Fold, ev feed.Event[struct{}]) error {
	s.fold = f
	if p := ev.Record.Pulse; p != nil && bytes.Equal(p.GetIncarnation(), s.incarnation[:]) {
		s.skew.StoredSince(ev.Time, p.GetClock().AsTime(), time.Now())
	} else {
		s.skew.Stored(ev.Time, time.Now())
	}
	return nil
}

// idle is how often a sentinel looks whether it may pulse while no release
// says how often it should.
const idle = 100 * time.Millisecond

// beat pulses once an interval. A pulse that the ledger does not acknowledge
// within an interval was none.
func (s *Sentinel) beat(ctx context.Context) error {
	var counter uint64
	for {
		interval := s.interval()
		next := time.NewTimer(interval)
		pulse, why := s.pulse(counter + 1)
		if why == "" {
			counter++
			why = s.send(ctx, pulse, interval)
		}
		s.report(why)
		select {
		case <-ctx.Done():
			next.Stop()
			return ctx.Err()
		case <-next.C:
		}
	}
}

func (s *Sentinel) interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fold == nil || s.fold.Governance().Release() == nil {
		return idle
	}
	return s.fold.Governance().Release().Bounds.PulseInterval
}

// pulse makes the next pulse, or says why there must be none.
func (s *Sentinel) pulse(counter uint64) (*pb.Pulse, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fold == nil || s.fold.Governance().Release() == nil {
		return nil, "no release is in force"
	}
	gov := s.fold.Governance()
	release := gov.Release()
	if fault := s.health.Fault(release.Proto.GetDurability()); fault != "" {
		return nil, fault
	}
	if fault := s.skew.Fault(release.Bounds.MaxClockSkew); fault != "" {
		return nil, fault
	}
	if fault := feed.StandingFault(s.fold, s.cfg.Key.ID()); fault != "" {
		return nil, fault
	}
	if fault := s.fold.Pulse().Fault; fault != nil {
		return nil, fault.Error()
	}
	return &pb.Pulse{
		Ledger: s.cfg.Ledger[:], Sentinel: s.cfg.ID.String(), Incarnation: s.incarnation[:], Counter: counter,
		Head: gov.Head().Proto(), Release: release.Digest[:], Clock: timestamppb.Now(),
	}, ""
}

func (s *Sentinel) send(ctx context.Context, pulse *pb.Pulse, limit time.Duration) (why string) {
	payload, err := schemas.Marshal(pulse)
	if err != nil {
		return err.Error()
	}
	data, err := trust.Seal(schemas.KindPulse.PayloadType(), payload, s.cfg.Key)
	if err != nil {
		return err.Error()
	}
	s.keys.Vouch(data)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if _, err := s.cfg.Conn.Append(ctx, schemas.Subject(s.cfg.ID.Zone, schemas.KindPulse, ""), data); err != nil {
		return err.Error()
	}
	return ""
}

func (s *Sentinel) report(why string) {
	before := s.Status()
	now := Status{Silent: why, Pulses: before.Pulses}
	if why == "" {
		now.Pulses++
	}
	s.status.Store(&now)
	switch {
	case before.Silent == why:
	case why == "":
		s.cfg.Logger.Info("pulsing")
	default:
		s.cfg.Logger.Warn("silent", "why", why)
	}
}
