// Package feed gives a service the ledger as authentic records: it follows the
// stream, folds it (core/ledger) and hands each record, with the fold at its
// position, to the service's step. Everything that a service knows, it knows
// from this one ordered feed.
package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
)

// Config is what a feed needs. Conn, Zone, Ledger, Keys and Logger are required.
type Config struct {
	Conn   *streams.Conn
	Zone   string
	Ledger trust.Digest // digest of the genesis that the participant is pinned to
	Keys   *ledger.Keys
	Logger *slog.Logger
	Skip   []schemas.Kind // kinds that the service takes no interest in
	// Unauthenticated: see ledger.Parser.
	Unauthenticated []schemas.Kind

	// FromSeq is where the feed begins; 0 means 1. Governance and credentials
	// that stand before it are folded first, silently.
	FromSeq uint64

	// Guard, if set, is held while the fold moves and step runs, so that other
	// goroutines that hold it may read the fold between steps.
	Guard sync.Locker

	CaughtUp func()              // called once, in the feed's goroutine, see streams.FollowConfig
	State    func(streams.State) // see streams.FollowConfig
}

// Event is one message of the ledger, folded.
type Event[T any] struct {
	Seq    uint64
	Time   time.Time // the broker's timestamp; zero for noise whose time cannot be told from a forged one
	Record ledger.Record
	Noise  error // why it is no record; Record is empty then
	Ahead  T     // what prepare made of it
	More   bool  // another event follows at once
}

// Run follows the ledger until ctx ends, step fails, or the stream proves to be
// another one than before (streams.ErrRegressed, streams.ErrMissing). Prepare
// runs ahead of the fold, in parallel; step runs in order in the caller's
// goroutine, and the fold belongs to it.
func Run[T any](ctx context.Context, cfg Config, prepare func(*ledger.Parsed) T, step func(*ledger.Fold, Event[T]) error) error {
	r := &run[T]{
		ctx: ctx, cfg: cfg, prepare: prepare, step: step,
		parser: ledger.Parser{Zone: cfg.Zone, Keys: cfg.Keys, Skip: cfg.Skip, Unauthenticated: cfg.Unauthenticated},
		fold:   ledger.NewFold(cfg.Ledger, cfg.Keys),
	}
	if err := r.foldPrefix(); err != nil {
		return fmt.Errorf("feed: reading governance and credentials: %w", err)
	}
	return streams.Follow(ctx, cfg.Conn, streams.FollowConfig{
		FromSeq: max(cfg.FromSeq, 1), State: cfg.State, CaughtUp: r.caughtUp,
	}, r.ahead, r.take)
}

type run[T any] struct {
	ctx     context.Context //nolint:containedctx // lives as long as the call
	cfg     Config
	parser  ledger.Parser
	fold    *ledger.Fold
	prepare func(*ledger.Parsed) T
	step    func(*ledger.Fold, Event[T]) error
}

type prepared[T any] struct {
	parsed *ledger.Parsed
	ahead  T
}

func (r *run[T]) ahead(raw streams.Raw) prepared[T] {
	parsed := r.parser.Parse(Raw(raw))
	return prepared[T]{parsed, r.prepare(parsed)}
}

func (r *run[T]) take(p prepared[T], more bool) error {
	if r.cfg.Guard != nil {
		r.cfg.Guard.Lock()
		defer r.cfg.Guard.Unlock()
	}
	rec, err := r.fold.Step(p.parsed)
	if err != nil {
		r.cfg.Logger.Debug("noise on the ledger", "seq", p.parsed.Seq, "subject", p.parsed.Subject, "reason", err)
	}
	return r.step(r.fold, Event[T]{Seq: p.parsed.Seq, Time: p.parsed.Time, Record: rec, Noise: err, Ahead: p.ahead, More: more})
}

func (r *run[T]) caughtUp(uint64) {
	if r.cfg.CaughtUp != nil {
		r.cfg.CaughtUp()
	}
}

// foldPrefix folds the governance records and credentials before FromSeq: they
// are few, and everything rests on them.
func (r *run[T]) foldPrefix() error {
	if r.cfg.FromSeq <= 1 {
		return nil
	}
	records, err := Rest(r.ctx, r.cfg.Conn, r.cfg.Zone, r.cfg.FromSeq-1)
	if err != nil {
		return err
	}
	for _, raw := range records {
		// What is noise here was reported when it was new.
		_, _ = r.fold.Step(r.parser.Parse(raw))
	}
	return nil
}

// Rest reads what every fold rests on, in order: governance records and
// credentials up to a position (0: the newest).
func Rest(ctx context.Context, conn *streams.Conn, zone string, to uint64) ([]ledger.Raw, error) {
	var all []ledger.Raw
	for _, filter := range []string{schemas.Subject(zone, schemas.KindGovernance, ""), schemas.Subject(zone, schemas.KindCredential, "*")} {
		_, err := streams.Read(ctx, conn, streams.ReadConfig{Filter: filter, To: to}, func(raw streams.Raw) error {
			all = append(all, Raw(raw))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b ledger.Raw) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, nil
}

// Raw is a stream's message as the core reads it. A message with headers of
// its own has no trustworthy subject, so it is noise.
func Raw(raw streams.Raw) ledger.Raw {
	return ledger.Raw{Seq: raw.Seq, Time: raw.Time, Subject: raw.Subject, Data: raw.Data}
}

// errStop ends a feed that has read far enough.
var errStop = errors.New("feed: read far enough")

// Until is Run up to and including position last, which must exist.
func Until[T any](ctx context.Context, cfg Config, last uint64, prepare func(*ledger.Parsed) T, step func(*ledger.Fold, Event[T]) error) error {
	if last < max(cfg.FromSeq, 1) {
		return nil
	}
	err := Run(ctx, cfg, prepare, func(f *ledger.Fold, e Event[T]) error {
		if err := step(f, e); err != nil {
			return err
		}
		if e.Seq >= last {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
