package vitals

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/schemas"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/zone"
)

// Config is what it takes to measure. All of it is required.
type Config struct {
	// Open connects as somebody who may read the ledger.
	Open   func(ctx context.Context) (*streams.Conn, error)
	Zone   string
	Ledger trust.Digest
	Clock  func() time.Time
}

const (
	idleAfter  = time.Minute     // nobody looks any more: following ends
	retryEvery = 2 * time.Second // after it could not be followed
	openWithin = 30 * time.Second
	// maxBack is how many records are read back at most, so that reading begins soon on
	// a busy ledger: then less than the whole window is known at first.
	maxBack = 200_000
)

var errReading = errors.New("the recent ledger is being read")

// Vitals follows the recent ledger while somebody looks, and measures it. Safe for
// concurrent use.
type Vitals struct {
	cfg Config

	mu       sync.Mutex // the feed's guard too
	tally    *tally     // nil while nobody follows
	why      error      // why nothing is known now; nil if something is
	lags     lags
	findings *findings
	asked    time.Time
	end      context.CancelFunc // nil while nobody follows
	closed   bool
	done     sync.WaitGroup
}

// New makes one. It follows nothing yet.
func New(cfg Config) (*Vitals, error) {
	if cfg.Open == nil || cfg.Zone == "" || cfg.Clock == nil || cfg.Ledger == (trust.Digest{}) {
		return nil, errors.New("vitals: Open, Zone, Ledger and Clock are required")
	}
	return &Vitals{cfg: cfg, why: errReading, lags: make(lags), findings: newFindings()}, nil
}

// Close ends following.
func (v *Vitals) Close() {
	v.mu.Lock()
	v.closed = true
	if v.end != nil {
		v.end()
	}
	v.mu.Unlock()
	v.done.Wait()
}

// More adds the newest figures to a status report, and takes from the status what is
// nowhere written down. See live.Config.
func (v *Vitals) More(_ context.Context, s *zone.Status, report map[string]any) {
	v.ask()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lags.take(s.At.Unix(), s.Participants)
	v.findings.take(s)
	report["vitals"] = v.newest()
	if s.Release != nil {
		report["bounds"] = boundsOf(s.Release.Bounds)
	}
}

// ask says that somebody looks.
func (v *Vitals) ask() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = time.Now()
	if v.end != nil || v.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.end = cancel
	v.done.Go(func() { v.run(ctx) })
}

// run follows again and again, until nobody has asked for a while.
func (v *Vitals) run(ctx context.Context) {
	v.done.Go(func() { v.endWhenIdle(ctx) })
	for ctx.Err() == nil {
		v.forget(ctx, v.follow(ctx))
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
}

// forget shows that nothing is known, and why, unless ctx has ended: then it is not this
// run any more of which something is shown.
func (v *Vitals) forget(ctx context.Context, why error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if ctx.Err() == nil {
		v.tally, v.why = nil, why
	}
}

func (v *Vitals) endWhenIdle(ctx context.Context) {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v.mu.Lock()
		if time.Since(v.asked) > idleAfter {
			v.end()
			v.end, v.tally, v.why = nil, nil, errReading // whoever asks next begins anew
		}
		v.mu.Unlock()
	}
}

// follow reads the ledger from where the window begins, until ctx ends.
func (v *Vitals) follow(ctx context.Context) error {
	opening, opened := context.WithTimeout(ctx, openWithin)
	defer opened()
	conn, err := v.cfg.Open(opening)
	if err != nil {
		return err
	}
	defer conn.Close()
	from, err := start(opening, conn)
	if err != nil {
		return err
	}
	v.forget(ctx, errReading)
	counted := newTally()
	return feed.Run(ctx, feed.Config{
		Conn: conn, Zone: v.cfg.Zone, Ledger: v.cfg.Ledger, Keys: ledger.NewKeys(), Logger: slog.New(slog.DiscardHandler),
		// Of intents their number is wanted; what was decided on them enforcers sign.
		Unauthenticated: []schemas.Kind{schemas.KindIntent}, Skip: []schemas.Kind{schemas.KindApproval},
		FromSeq: from, Guard: &v.mu, CaughtUp: func() { v.show(ctx, counted) },
	}, read, func(f *ledger.Fold, ev feed.Event[ahead]) error {
		counted.step(f, ev)
		return nil
	})
}

// show lets what was counted be seen: the ledger has been read to its end. Nothing is
// shown of a run that was ended.
func (v *Vitals) show(ctx context.Context, counted *tally) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if ctx.Err() == nil {
		v.tally, v.why = counted, nil
	}
}

// start is the position at which the window begins; 1 for an empty ledger.
func start(ctx context.Context, conn *streams.Conn) (uint64, error) {
	last, err := conn.Last(ctx)
	if err != nil || last <= 1 {
		return 1, err
	}
	newest, err := conn.Get(ctx, last)
	if err != nil {
		return 0, err
	}
	from, err := conn.SeqAt(ctx, newest.Time.Add(-window*time.Second))
	if err != nil {
		return 0, fmt.Errorf("vitals: looking for where to begin: %w", err)
	}
	return max(1, min(from, last), max(last, maxBack)-maxBack), nil
}

// Routes are the figures over time, and what drifted.
func (v *Vitals) Routes() []surface.Route {
	return []surface.Route{
		{Pattern: "GET /api/v1/health/series", Needs: surface.Viewer, Handle: v.series},
		{Pattern: "GET /api/v1/health/findings", Needs: surface.Viewer, Handle: v.history},
	}
}
