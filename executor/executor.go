package executor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
	"github.com/portcullis-dev/portcullis/streams/outbox"
	"github.com/portcullis-dev/portcullis/telemetry"
)

// Config is what an executor needs. All fields are required but those that say
// otherwise.
type Config struct {
	Conn       *streams.Conn
	Ledger     trust.Digest // digest of the genesis that it is pinned to
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte // the Credential envelope that binds Key to ID
	Logger     *slog.Logger

	// Keys are shared with the other parts of this process; nil: with nobody.
	Keys     *ledger.Keys
	Handlers map[string]Handler // by tool

	// Mark remembers where the executor's unsettled claims begin, so that a
	// restart need not read the whole ledger. Nil: every start reads it whole.
	Mark Mark
	// MaxConcurrent bounds claims and actions under way; 0 means 256.
	MaxConcurrent int
	// Sealing holds the private halves of sealing keys. Nil: none, and claims on
	// intents with sealed arguments are abandoned.
	Sealing Sealing
	// Brake, if set, disarms the executor while it is on.
	Brake Brake
	// Build and Settings are the digests of the executable and of the effective
	// configuration that heartbeats state. Optional.
	Build, Settings trust.Digest
	// Meter and Tracer watch it; nil: nobody does.
	Meter  *telemetry.Executor
	Tracer *telemetry.Tracer
}

// Mark is a stream sequence kept across restarts: every claim of this executor
// at or below it has an outcome on the ledger. Too low is slow, never wrong.
type Mark interface {
	Load() (uint64, error)
	Store(seq uint64) error
}

const defaultConcurrent = 256

func (c Config) check() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.Logger == nil || len(c.Handlers) == 0 {
		return errors.New("executor: Conn, Ledger, ID, Key, Credential, Logger and at least one handler are required")
	}
	return nil
}

// Executor claims and acts. Make one with New, then Run it once.
type Executor struct {
	cfg         Config
	incarnation [16]byte
	claims      *outbox.Outbox
	outcomes    *outbox.Outbox
	answers     *outbox.Answers
	health      *feed.Health
	status      atomic.Pointer[Status]
	brake       brakeLook
	lastStart   atomic.Pointer[pb.Start] // the newest action that was started
	now         chan struct{}            // capacity 1: beat at once
	clock       func() time.Duration     // boot clock; negative if it cannot be read
}

// Status is what an executor knows of itself.
type Status struct {
	Disarmed  string // why it would not act now; empty when armed
	Halted    string // why nothing may be done in the whole zone; empty when something may
	Position  uint64 // stream sequence folded
	Epoch     uint64
	Noise     uint64 // messages that were no records since it started
	Claimed   uint64 // claims appended
	Started   uint64 // actions started and ended
	Abandoned uint64 // valid claims on which it did not act
	Running   int
}

// New prepares an executor.
func New(cfg Config) (*Executor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.MaxConcurrent < 1 {
		cfg.MaxConcurrent = defaultConcurrent
	}
	cfg.Keys = cmp.Or(cfg.Keys, ledger.NewKeys())
	x := &Executor{cfg: cfg, now: make(chan struct{}, 1), clock: bootClock, health: feed.NewHealth(cfg.Conn, cfg.Logger)}
	if _, err := rand.Read(x.incarnation[:]); err != nil {
		return nil, fmt.Errorf("executor: no randomness for an incarnation: %w", err)
	}
	box := func(kind schemas.Kind) *outbox.Outbox {
		return outbox.New(outbox.Config{Appender: cfg.Conn, Kind: kind, Ledger: cfg.Ledger, Key: cfg.Key, Vouch: x.cfg.Keys.Vouch})
	}
	x.claims, x.outcomes = box(schemas.KindClaim), box(schemas.KindOutcome)
	x.answers = outbox.NewAnswers(cfg.Conn, cfg.Ledger, cfg.Key, cfg.Credential, cfg.Logger)
	x.status.Store(&Status{Disarmed: "starting"})
	return x, nil
}

// Serve is New and Run: it serves the handlers until ctx ends.
func Serve(ctx context.Context, cfg Config) error {
	x, err := New(cfg)
	if err != nil {
		return err
	}
	return x.Run(ctx)
}

// Status is a snapshot. Safe for concurrent use.
func (x *Executor) Status() Status { return *x.status.Load() }

const (
	// claimGrace is how long claims that are on their way when ctx ends may take to
	// be read back and abandoned. One that takes longer is left to the next start.
	claimGrace = time.Second
	// stopGrace is how long the outcomes of what was interrupted may take to be
	// appended.
	stopGrace = 3 * time.Second
)

// Run introduces the executor's credential, folds the ledger, reports what
// earlier incarnations left open, and acts until ctx ends; then it abandons the
// claims that are on their way, interrupts what runs, appends the outcomes and
// returns ctx's error. It also returns what made acting impossible: the ledger
// regressed or has a hole.
func (x *Executor) Run(ctx context.Context) error {
	subject := schemas.Subject(x.cfg.ID.Zone, schemas.KindCredential, x.cfg.ID.Name)
	if err := streams.Introduce(ctx, x.cfg.Conn, subject, x.cfg.Credential); err != nil {
		return fmt.Errorf("executor: introducing the credential: %w", err)
	}
	at, err := x.startAt(ctx)
	if err != nil {
		return fmt.Errorf("executor: finding where to start: %w", err)
	}
	// The feed outlives ctx, so that claims on their way are read back; outcomes
	// outlive the feed: what was started is reported.
	late, stopLate := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLate()
	following, stopFeed := context.WithCancel(late)
	defer stopFeed()
	var tail errgroup.Group
	tail.Go(func() error { return x.outcomes.Run(late) })
	tail.Go(func() error { return x.answers.Run(late) })
	g, ctx := errgroup.WithContext(ctx)
	l := newLoop(ctx, x, at)
	g.Go(func() error { return x.claims.Run(ctx) })
	g.Go(func() error {
		defer stopFeed()
		return l.run(following)
	})
	g.Go(func() error { return l.watch(following) })
	g.Go(func() error { return l.watchBrake(following) })
	g.Go(func() error { return feed.KeepIntroduced(ctx, x.cfg.Conn, subject, x.cfg.Credential, l.unknown) })
	tail.Go(func() error { return heartbeat.Run(late, x.heartbeats(l)) })
	g.Go(func() error {
		defer stopFeed()
		<-ctx.Done()
		l.settleBids(following, claimGrace)
		return ctx.Err()
	})
	err = g.Wait()
	l.finish(stopGrace)
	stopLate()
	_ = tail.Wait() // ends with late's cancellation, nothing else
	l.stopped()
	return err
}

// start is where an executor begins.
type start struct {
	from    uint64 // first position to follow
	settled uint64 // the mark: no claim at or below it lacks an outcome
}

// startAt finds where the feed must begin: before any claim of this executor
// that may lack an outcome, and before any decision on which a claim could still
// be valid. A ledger that ends before the mark has lost records that were
// acknowledged; who acts on it may act twice.
func (x *Executor) startAt(ctx context.Context) (start, error) {
	if x.cfg.Mark == nil {
		return start{from: 1}, nil
	}
	settled, err := x.cfg.Mark.Load()
	if err != nil || settled == 0 {
		return start{from: 1}, err
	}
	last, err := x.cfg.Conn.Last(ctx)
	if err != nil {
		return start{}, err
	}
	if last < settled {
		return start{}, fmt.Errorf("%w: the ledger ends at position %d, this executor had read it up to %d; restore the newest copy, or, if the governors accept the loss and max_deadline has passed since the newest record that was lost, remove the executor's mark, run/%s.mark in its data folder",
			streams.ErrRegressed, last, settled, x.cfg.ID.Name)
	}
	bounds, err := feed.Longest(ctx, x.cfg.Conn, x.cfg.ID.Zone, x.cfg.Ledger)
	if err != nil {
		return start{}, err
	}
	oldest, err := x.cfg.Conn.Get(ctx, settled)
	if err != nil {
		return start{}, err
	}
	// Log time may be ahead of the broker's clock at that record by as much as the
	// clock of whoever moved it was wrong, and a claim rests on a pulse before it.
	from, err := x.cfg.Conn.SeqAt(ctx, oldest.Time.Add(-bounds.MaxDeadline-bounds.MaxClockSkew-bounds.PulseLimit))
	return start{from: min(from, settled), settled: settled}, err
}
