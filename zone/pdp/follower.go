package pdp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/aged"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/permit"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/core/verdict"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Config is what a Follower needs. All fields are required.
type Config struct {
	Conn   *streams.Conn // of somebody who may read the ledger
	Zone   string
	Ledger trust.Digest // digest of the genesis that it is pinned to
	Logger *slog.Logger
}

// Follower keeps a Core at the end of a ledger. It derives no verdict of its own: it
// counts what quorums of enforcers have recorded, so it needs no sealing key. Make one
// with New, then Run it once.
type Follower struct {
	cfg    Config
	keys   *ledger.Keys
	health *feed.Health
	caught chan struct{} // closed when the ledger's end was reached

	mu     sync.Mutex // the feed's guard
	core   *Core      // nil before the first record
	state  *verdict.State
	tally  *verdict.Tally
	rounds aged.Map[verdict.Round, struct{}] // that tally counts, until no claim can rest on them
	skew   feed.Skew
	before []trust.Credential // introduced before the feed's first record
	ended  bool
}

// New prepares a Follower.
func New(cfg Config) (*Follower, error) {
	if cfg.Conn == nil || cfg.Zone == "" || cfg.Ledger.IsZero() || cfg.Logger == nil {
		return nil, errors.New("pdp: Conn, Zone, Ledger and Logger are all required")
	}
	return &Follower{
		cfg: cfg, keys: ledger.NewKeys(), health: feed.NewHealth(cfg.Conn, cfg.Logger), caught: make(chan struct{}),
		state: verdict.NewState(), tally: verdict.NewTally(),
	}, nil
}

// CaughtUp is closed when the ledger was read up to its newest record.
func (f *Follower) CaughtUp() <-chan struct{} { return f.caught }

// Run follows the ledger until ctx ends, or it cannot be followed. From then on every
// question is refused.
func (f *Follower) Run(ctx context.Context) error {
	defer f.end()
	from, err := f.start(ctx)
	if err != nil {
		return fmt.Errorf("pdp: looking where to begin: %w", err)
	}
	return feed.Run(ctx, feed.Config{
		Conn: f.cfg.Conn, Zone: f.cfg.Zone, Ledger: f.cfg.Ledger, Keys: f.keys, Logger: f.cfg.Logger,
		Skip:    []schemas.Kind{schemas.KindIntent, schemas.KindApproval, schemas.KindClaim, schemas.KindOutcome},
		FromSeq: from, Guard: &f.mu, CaughtUp: f.caughtUp, State: f.health.Observe(ctx),
	}, decisions, f.step)
}

func (f *Follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
}

func (f *Follower) caughtUp() {
	f.health.CaughtUp()
	close(f.caught)
}

// start is where to begin: what was decided longer than W before the newest record
// counts for nothing any more. Who was introduced before that is noted here, because
// a feed folds it silently.
func (f *Follower) start(ctx context.Context) (uint64, error) {
	last, err := f.cfg.Conn.Last(ctx)
	if err != nil || last <= 1 {
		return 1, err
	}
	bounds, err := feed.Longest(ctx, f.cfg.Conn, f.cfg.Zone, f.cfg.Ledger)
	if err != nil {
		return 0, err
	}
	newest, err := f.cfg.Conn.Get(ctx, last)
	if err != nil {
		return 0, err
	}
	from, err := f.cfg.Conn.SeqAt(ctx, newest.Time.Add(-bounds.Memory))
	if err != nil {
		return 0, err
	}
	from = min(max(from, 1), last)
	return from, f.introducedBefore(ctx, from)
}

func (f *Follower) introducedBefore(ctx context.Context, from uint64) error {
	if from <= 1 {
		return nil
	}
	records, err := feed.Rest(ctx, f.cfg.Conn, f.cfg.Zone, from-1)
	if err != nil {
		return err
	}
	parser, fold := ledger.Parser{Zone: f.cfg.Zone, Keys: f.keys}, ledger.NewFold(f.cfg.Ledger, f.keys)
	for _, raw := range records {
		if cred, ok := introduced(fold, parser.Parse(raw)); ok {
			f.before = append(f.before, cred)
		}
	}
	return nil
}

func introduced(fold *ledger.Fold, p *ledger.Parsed) (trust.Credential, bool) {
	rec, err := fold.Step(p)
	return rec.Signer, err == nil && rec.Kind == schemas.KindCredential
}

// decisions decodes decisions ahead of the fold; nil where an item is none.
func decisions(p *ledger.Parsed) (all []*pb.Decision) {
	if p.Kind() != schemas.KindDecision {
		return nil
	}
	for _, item := range p.Items() {
		all = append(all, permit.ReadDecision(item.Bytes))
	}
	return all
}

// step runs with mu held.
func (f *Follower) step(fold *ledger.Fold, ev feed.Event[[]*pb.Decision]) error {
	f.skew.Stored(ev.Time, time.Now(), f.health.Live())
	if f.core == nil {
		core, err := NewCore(fold, f.state)
		if err != nil {
			return err
		}
		for _, cred := range f.before {
			core.Introduced(cred)
		}
		f.core, f.before = core, nil
	}
	if ev.Noise == nil {
		f.record(fold, ev)
	}
	return nil
}

func (f *Follower) record(fold *ledger.Fold, ev feed.Event[[]*pb.Decision]) {
	switch ev.Record.Kind { //nolint:exhaustive // other kinds change only the fold
	case schemas.KindCredential:
		f.core.Introduced(ev.Record.Signer)
	case schemas.KindDecision:
		f.count(fold, ev)
	default:
	}
}

// count applies each decision that a quorum has recorded, once. Where votes complete in
// another order than the decisions were made in, a limit may count a charge for longer
// than enforcers do: the answer is then a denial that they would not give, never the
// other way round.
func (f *Follower) count(fold *ledger.Fold, ev feed.Event[[]*pb.Decision]) {
	bounds := fold.Governance().Release().Bounds
	for i, d := range ev.Ahead {
		if d == nil {
			continue
		}
		round := verdict.RoundOf(d)
		if _, counted := f.rounds.Get(round); !counted {
			f.rounds.Add(round, struct{}{}, fold.LogTime())
		}
		if f.tally.Add(fold, ev.Record, i, d) != nil {
			f.state.Apply(d, bounds.Memory)
		}
	}
	f.rounds.Forget(fold.LogTime().Add(-bounds.MaxDeadline), f.tally.Forget)
}
