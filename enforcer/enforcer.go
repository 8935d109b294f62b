package enforcer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
	"github.com/portcullis-dev/portcullis/streams/outbox"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Config is what an enforcer needs. All fields are required but those that say
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

	// Sealing holds the private halves of sealing keys. Nil: none, and the enforcer
	// is silent while a release lists any.
	Sealing Sealing

	// Build and Settings are the digests of the executable and of the effective
	// configuration that heartbeats state.
	Build, Settings trust.Digest

	// Meter and Tracer watch it; nil: nobody does.
	Meter  *telemetry.Enforcer
	Tracer *telemetry.Tracer
}

func (c Config) check() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.Logger == nil {
		return errors.New("enforcer: Conn, Ledger, ID, Key, Credential and Logger are all required")
	}
	return nil
}

// Enforcer decides intents. Make one with New, then Run it once.
type Enforcer struct {
	cfg     Config
	run     [16]byte // incarnation: random for each start
	box     *outbox.Outbox
	answers *outbox.Answers
	status  atomic.Pointer[Status]
	caught  chan struct{} // closed when it has caught up
	now     chan struct{} // capacity 1: beat at once
}

// Status is what an enforcer knows of itself.
type Status struct {
	CaughtUp    bool
	Position    uint64 // stream sequence folded
	Epoch       uint64
	Decided     uint64 // intents decided since it started
	Noise       uint64 // messages that were no records since it started
	Divergences uint64 // decisions on the ledger that differ from its own
	DivergedAt  uint64 // stream sequence of the newest of them
	Silent      string // why it publishes nothing; empty if it does
	Disarmed    string // why nothing that it publishes counts, or why it publishes nothing; as its heartbeats say it
}

// New prepares an enforcer.
func New(cfg Config) (*Enforcer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Keys = cmp.Or(cfg.Keys, ledger.NewKeys())
	e := &Enforcer{cfg: cfg, caught: make(chan struct{}), now: make(chan struct{}, 1)}
	if _, err := rand.Read(e.run[:]); err != nil {
		return nil, fmt.Errorf("enforcer: no randomness for an incarnation: %w", err)
	}
	e.box = outbox.New(outbox.Config{
		Appender: cfg.Conn, Kind: schemas.KindDecision, Ledger: cfg.Ledger, Key: cfg.Key, Vouch: e.cfg.Keys.Vouch,
	})
	e.answers = outbox.NewAnswers(cfg.Conn, cfg.Ledger, cfg.Key, cfg.Credential, cfg.Logger)
	e.status.Store(&Status{Silent: "starting", Disarmed: "starting"})
	return e, nil
}

// Status is a snapshot. Safe for concurrent use.
func (e *Enforcer) Status() Status { return *e.status.Load() }

// CaughtUp is closed when the enforcer has folded the ledger up to its newest
// record and decides what comes.
func (e *Enforcer) CaughtUp() <-chan struct{} { return e.caught }

// Run introduces the enforcer's credential, recovers its state from the ledger
// and decides until ctx ends. It returns ctx's error, or what made deciding
// impossible: the ledger regressed or has a hole.
func (e *Enforcer) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.box.Run(ctx) })
	g.Go(func() error { return e.answers.Run(ctx) })
	g.Go(func() error { return e.follow(ctx) })
	return g.Wait()
}

func (e *Enforcer) follow(ctx context.Context) error {
	subject := schemas.Subject(e.cfg.ID.Zone, schemas.KindCredential, e.cfg.ID.Name)
	if err := streams.Introduce(ctx, e.cfg.Conn, subject, e.cfg.Credential); err != nil {
		return fmt.Errorf("enforcer: introducing the credential: %w", err)
	}
	recovered, err := e.recover(ctx)
	if err != nil {
		return fmt.Errorf("enforcer: recovering state: %w", err)
	}
	l := newLoop(e, recovered)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return heartbeat.Run(ctx, heartbeat.Config{
			Conn: e.cfg.Conn, Ledger: e.cfg.Ledger, ID: e.cfg.ID, Key: e.cfg.Key, Incarnation: e.run,
			Build: e.cfg.Build, Settings: e.cfg.Settings, Logger: e.cfg.Logger, Read: l.heartbeat, Now: e.now,
		})
	})
	g.Go(func() error { return l.run(ctx) })
	g.Go(func() error { return feed.KeepIntroduced(ctx, e.cfg.Conn, subject, e.cfg.Credential, l.unknown) })
	return g.Wait()
}

// beatNow makes the next heartbeat come at once.
func (e *Enforcer) beatNow() {
	select {
	case e.now <- struct{}{}:
	default:
	}
}
