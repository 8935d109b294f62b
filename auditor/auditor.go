package auditor

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

	"github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// Config is what an auditor needs. All fields are required but the digests.
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
}

func (c Config) check() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.Logger == nil {
		return errors.New("auditor: Conn, Ledger, ID, Key, Credential and Logger are all required")
	}
	return nil
}

// Auditor audits one ledger. Make one with New, then Run it once.
type Auditor struct {
	cfg         Config
	incarnation [16]byte
	status      atomic.Pointer[Status]
	now         chan struct{} // capacity 1: beat at once
	health      *feed.Health

	mu    sync.Mutex // the feed's guard
	fold  *ledger.Fold
	judge *audit.Judge
	open  []audit.Finding // since the governors resumed last, the first of them
}

// Status is what an auditor knows of itself.
type Status struct {
	CaughtUp bool
	Position uint64 // stream sequence judged
	Findings uint64 // ever, since it started
	Newest   string // the newest finding; "" if there is none
}

// maxOpen is how many findings are told at a time: what a heartbeat surely holds.
const maxOpen = 16

// New prepares an auditor.
func New(cfg Config) (*Auditor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Keys = cmp.Or(cfg.Keys, ledger.NewKeys())
	a := &Auditor{cfg: cfg, now: make(chan struct{}, 1), health: feed.NewHealth(cfg.Conn, cfg.Logger)}
	if _, err := rand.Read(a.incarnation[:]); err != nil {
		return nil, fmt.Errorf("auditor: no randomness for an incarnation: %w", err)
	}
	a.judge = audit.NewJudge(audit.JudgeConfig{Whole: true, MaxFindings: maxOpen, Found: a.found})
	a.status.Store(&Status{})
	return a, nil
}

// Status is a snapshot. Safe for concurrent use.
func (a *Auditor) Status() Status { return *a.status.Load() }

// Run introduces the auditor's credential and audits until ctx ends. It returns
// ctx's error, or why nothing more can be judged.
func (a *Auditor) Run(ctx context.Context) error {
	subject := schemas.Subject(a.cfg.ID.Zone, schemas.KindCredential, a.cfg.ID.Name)
	if err := streams.Introduce(ctx, a.cfg.Conn, subject, a.cfg.Credential); err != nil {
		return fmt.Errorf("auditor: introducing the credential: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.follow(ctx) })
	g.Go(func() error {
		return feed.KeepIntroduced(ctx, a.cfg.Conn, subject, a.cfg.Credential, a.unknown)
	})
	g.Go(func() error {
		return heartbeat.Run(ctx, heartbeat.Config{
			Conn: a.cfg.Conn, Ledger: a.cfg.Ledger, ID: a.cfg.ID, Key: a.cfg.Key, Incarnation: a.incarnation,
			Build: a.cfg.Build, Settings: a.cfg.Settings, Logger: a.cfg.Logger, Read: a.heartbeat, Now: a.now,
		})
	})
	return g.Wait()
}

func (a *Auditor) follow(ctx context.Context) error {
	return feed.Run(ctx, feed.Config{
		Conn: a.cfg.Conn, Zone: a.cfg.ID.Zone, Ledger: a.cfg.Ledger, Keys: a.cfg.Keys, Logger: a.cfg.Logger, Guard: &a.mu,
		CaughtUp: a.caughtUp, State: a.health.Observe(ctx),
	}, audit.Read, a.step)
}

func (a *Auditor) caughtUp() {
	a.health.CaughtUp()
	a.mu.Lock()
	defer a.mu.Unlock()
	now := *a.status.Load()
	now.CaughtUp = true
	a.status.Store(&now)
}

// step runs with mu held.
func (a *Auditor) step(f *ledger.Fold, ev feed.Event[audit.Ahead]) error {
	a.fold = f
	if ev.Noise != nil {
		a.judge.Noise(f, ev.Noise)
	} else if err := a.judge.Record(f, ev.Record, ev.Ahead); err != nil {
		return fmt.Errorf("auditor: %w", err)
	}
	if ev.Noise == nil && ev.Record.Kind == schemas.KindGovernance {
		a.settle()
	}
	now := *a.status.Load()
	now.Position = f.Seq()
	a.status.Store(&now)
	return nil
}

// unknown reports whether the ledger lacks its credential.
func (a *Auditor) unknown() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fold != nil && a.health.Started() && feed.Unknown(a.fold, a.cfg.Key.ID())
}
