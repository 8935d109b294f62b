package zone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/governance"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// Observer follows a zone's ledger, and its heartbeats, for people who look on.
// It appends nothing. Safe for concurrent use.
type Observer struct {
	f       *fabric.Fabric
	conn    *streams.Conn
	began   time.Time // from then on heartbeats are heard
	beats   *heartbeat.Roster
	wake    chan struct{} // capacity 1: something new was heard or read
	ready   chan struct{} // closed when the ledger's end was reached
	done    chan struct{} // closed when the feed has ended; err is set before
	err     error
	cancel  context.CancelFunc
	unheard func()

	mu      sync.Mutex                          // the feed's guard
	fold    *ledger.Fold                        // nil before the first record
	early   []early                             // heartbeats before the fold could judge them
	behind  map[trust.Identity]uint64           // how far each was when its newest beat came
	creds   map[trust.Identity]trust.Credential // with which each has signed its newest beat
	pulse   Pulse
	last    HaltRecorded
	waiting *approvals // nil unless asked for
}

// Pulse is the newest pulse that an observer has read.
type Pulse struct {
	ledger.Pulse
	By trust.Identity
}

// PulseBack is how far back to read so that the newest pulse is seen, if there is any
// that counts: a release's pulse limit is a minute at most.
const PulseBack = 2 * time.Minute

// ObserveConfig says what to observe.
type ObserveConfig struct {
	Fabric *fabric.Fabric
	Conn   *streams.Conn
	Back   time.Duration // how far back to begin reading; PulseBack sees the newest pulse
	// Heartbeats asks for heartbeats, which governors, sentinels and auditors may read.
	Heartbeats bool
	// Approvals asks for the intents that wait for approval. Back is then as long
	// as an intent's deadline can be.
	Approvals bool
}

// Observe begins to read the ledger, and to hear heartbeats, until Close.
func Observe(ctx context.Context, cfg ObserveConfig) (*Observer, error) {
	o := &Observer{
		f: cfg.Fabric, conn: cfg.Conn, began: time.Now(), beats: heartbeat.NewRoster(),
		behind: make(map[trust.Identity]uint64), creds: make(map[trust.Identity]trust.Credential),
		unheard: func() {}, wake: make(chan struct{}, 1), ready: make(chan struct{}), done: make(chan struct{}),
	}
	skip := []schemas.Kind{schemas.KindOutcome}
	if cfg.Approvals {
		o.waiting = newApprovals()
	} else {
		skip = append(skip, schemas.KindClaim, schemas.KindIntent, schemas.KindDecision, schemas.KindApproval)
	}
	if cfg.Heartbeats {
		stop, err := cfg.Conn.SubscribeHeartbeats(o.heard)
		if err != nil {
			return nil, err
		}
		o.unheard = stop
	}
	ctx, o.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(o.done)
		o.err = o.follow(ctx, cfg, skip)
	}()
	return o, nil
}

// Close ends reading and hearing.
func (o *Observer) Close() {
	o.unheard()
	o.cancel()
	<-o.done
}

func (o *Observer) follow(ctx context.Context, cfg ObserveConfig, skip []schemas.Kind) error {
	from, err := cfg.start(ctx)
	if err != nil {
		return err
	}
	return feed.Run(ctx, feed.Config{
		Conn: cfg.Conn, Zone: cfg.Fabric.Zone, Ledger: cfg.Fabric.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler),
		// Of an intent its bytes are wanted that a quorum's decision names by digest.
		Skip: skip, Unauthenticated: []schemas.Kind{schemas.KindIntent}, FromSeq: from, Guard: &o.mu, CaughtUp: func() { close(o.ready) },
	}, decisionsAhead, o.step)
}

// start is the first position to read: one that exists, so that there is a fold.
func (cfg ObserveConfig) start(ctx context.Context) (uint64, error) {
	last, err := cfg.Conn.Last(ctx)
	if err != nil || last <= 1 {
		return 1, err
	}
	back := cfg.Back
	if cfg.Approvals {
		longest, err := feed.Longest(ctx, cfg.Conn, cfg.Fabric.Zone, cfg.Fabric.Ledger)
		if err != nil {
			return 0, err
		}
		back = max(back, longest.MaxDeadline)
	}
	newest, err := cfg.Conn.Get(ctx, last)
	if err != nil {
		return 0, err
	}
	from, err := cfg.Conn.SeqAt(ctx, newest.Time.Add(-back))
	return min(max(from, 1), last), err
}

// decisionsAhead decodes decisions ahead of the fold.
func decisionsAhead(p *ledger.Parsed) []*pb.Decision {
	if p.Kind() != schemas.KindDecision {
		return nil
	}
	return readDecisions(p.Items())
}

// step runs with mu held: it is the feed's guard.
func (o *Observer) step(f *ledger.Fold, ev feed.Event[[]*pb.Decision]) error {
	o.fold = f
	if ev.Noise == nil {
		o.record(f, ev)
	}
	if !ev.More {
		o.tell()
	}
	return nil
}

func (o *Observer) record(f *ledger.Fold, ev feed.Event[[]*pb.Decision]) {
	rec := ev.Record
	switch rec.Kind { //nolint:exhaustive // other kinds change only the fold
	case schemas.KindPulse:
		o.pulse = Pulse{f.Pulse(), rec.Signer.ID}
	case schemas.KindGovernance:
		if h, ok := haltRecorded(rec.Effect.Record, rec.Effect.ID, rec.Seq, rec.LogTime); ok {
			o.last = h
		}
	default:
	}
	if o.waiting != nil {
		o.waiting.record(f, rec, ev.Ahead)
	}
}

func (o *Observer) tell() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Look calls look with the fold, which must not be kept, between two records. It
// reports whether there is a fold yet.
func (o *Observer) Look(look func(*ledger.Fold)) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.caughtUp() {
		return false
	}
	look(o.fold)
	return true
}

// Release is the release in force; nil if there is none, or nothing is read yet.
func (o *Observer) Release() (release *governance.Release) {
	o.Look(func(f *ledger.Fold) { release = f.Governance().Release() })
	return release
}

// Ready waits until the ledger is read to its end.
func (o *Observer) Ready(ctx context.Context) error {
	select {
	case <-o.ready:
		return nil
	case <-o.done:
		return o.ended()
	case <-ctx.Done():
		return fmt.Errorf("zone: reading the ledger: %w", ctx.Err())
	}
}

func (o *Observer) ended() error {
	if o.err == nil || errors.Is(o.err, context.Canceled) {
		return errors.New("zone: no longer reading the ledger")
	}
	return fmt.Errorf("zone: reading the ledger: %w", o.err)
}

// Ended reports whether the observer reads the ledger no more.
func (o *Observer) Ended() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// Until calls look at once and whenever something new was heard or read, until
// look is content, fails, or ctx ends.
func (o *Observer) Until(ctx context.Context, look func() (content bool, err error)) error {
	if err := o.Ready(ctx); err != nil {
		return err
	}
	for {
		if content, err := look(); err != nil || content {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-o.done:
			return o.ended()
		case <-o.wake:
		}
	}
}
