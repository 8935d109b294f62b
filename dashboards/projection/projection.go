// Package projection keeps what a ledger holds in memory while somebody looks: its
// history (core/history), read from the first record on and followed as it grows.
//
// One follower serves everybody. It begins when somebody first asks, and ends when
// nobody has asked for a while. Every answer says how far it had read.
package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
)

// Config is what it takes to follow a ledger. Fabric and Connect are required.
type Config struct {
	Fabric *fabric.Fabric
	// Connect connects as somebody who may read. The connection outlives ctx.
	Connect func(ctx context.Context) (*streams.Conn, error)
	Intents int // how many it may remember; 0 means history.DefaultIntents
}

// Held says how much of the ledger an answer rests on.
type Held struct {
	Position uint64    `json:"position"` // the last that was read
	LogTime  time.Time `json:"log_time"`
	Newest   uint64    `json:"newest"`         // of the ledger when it was asked
	Reading  bool      `json:"reading"`        // earlier records are still being read
	Full     string    `json:"full,omitempty"` // why nothing after Position will be read
}

// View is a ledger as far as it was read. It stands still while it is shown, and must
// not be kept.
type View struct {
	*history.History
	Held Held
	// Conn reads the ledger itself.
	Conn  *streams.Conn
	times []int64
}

// PositionAt is the last position whose log time is not after t; 0 if there is none.
func (v *View) PositionAt(t time.Time) uint64 {
	return uint64(sort.Search(len(v.times), func(i int) bool { return v.times[i] > t.UnixNano() })) //nolint:gosec // a count
}

// LogTimeAt is the log time at a position that was read.
func (v *View) LogTimeAt(at uint64) (time.Time, bool) {
	if at == 0 || at > uint64(len(v.times)) {
		return time.Time{}, false
	}
	return time.Unix(0, v.times[at-1]).UTC(), true
}

const (
	idleAfter    = 10 * time.Minute // nobody asks any more: what was read is forgotten
	openWithin   = 30 * time.Second
	newestWithin = 5 * time.Second
	patience     = time.Second // for the ledger's newest record, before an answer says how far it is
	retryAfter   = 2 * time.Second
)

// Projection follows a ledger for those who ask. Safe for concurrent use.
type Projection struct {
	cfg  Config
	idle time.Duration
	read func(*ledger.Parsed) history.Ahead

	mu      sync.Mutex
	current *following // nil while nobody asks
	closed  bool
}

// New makes one. It connects to nothing yet.
func New(cfg Config) *Projection { return &Projection{cfg: cfg, idle: idleAfter, read: history.Read} }

// Close ends following.
func (p *Projection) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.current != nil {
		p.current.end()
		p.current = nil
	}
}

// following is one pass over the ledger, from its first record on.
type following struct {
	end    context.CancelFunc
	begun  chan struct{} // closed when it is connected, or has failed
	caught chan struct{} // closed when the newest record was read
	over   atomic.Pointer[ending]
	asked  atomic.Int64 // nanoseconds

	guard   sync.RWMutex // held by the feed while it steps
	conn    *streams.Conn
	history *history.History
	times   []int64 // log times by position, nanoseconds
}

// ending is why nothing more is read.
type ending struct {
	err error
	at  time.Time
}

// Look shows what was read so far. Errors are *surface.Problem, or those of show.
func (p *Projection) Look(ctx context.Context, show func(v *View) error) error {
	f, err := p.follow()
	if err != nil {
		return err
	}
	if err := f.ready(ctx); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, newestWithin)
	defer cancel()
	newest, err := f.conn.Last(asking)
	if err != nil {
		return surface.Unable("how far the ledger goes could not be asked: " + err.Error())
	}
	f.guard.RLock()
	defer f.guard.RUnlock()
	v := &View{History: f.history, Conn: f.conn, times: f.times, Held: Held{
		Position: f.history.Last(), LogTime: f.history.LogTime(), Newest: max(newest, f.history.Last()), Reading: !isDone(f.caught),
	}}
	if over := f.over.Load(); over != nil {
		if !errors.Is(over.err, history.ErrFull) {
			return surface.Unable(over.err.Error())
		}
		v.Held.Full, v.Held.Reading = over.err.Error()+" (flag --remember)", false
	}
	return show(v)
}

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ready waits until there is something to show, and a moment for all of it.
func (f *following) ready(ctx context.Context) error {
	select {
	case <-f.begun:
	case <-ctx.Done():
		return ctx.Err()
	}
	if over := f.over.Load(); over != nil && f.conn == nil {
		return surface.Unable(over.err.Error())
	} else if over != nil {
		return nil
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-f.caught:
	case <-wait.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// follow is the pass that serves everybody; a new one if there is none, or if the one
// before it failed a while ago.
func (p *Projection) follow() (*following, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, surface.Unable("the console ends")
	}
	if p.current != nil {
		over := p.current.over.Load()
		if over == nil || errors.Is(over.err, history.ErrFull) || time.Since(over.at) < retryAfter {
			p.current.asked.Store(time.Now().UnixNano())
			return p.current, nil
		}
		p.current.end()
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{end: cancel, begun: make(chan struct{}), caught: make(chan struct{}), history: history.New(history.Config{Intents: p.cfg.Intents})}
	f.asked.Store(time.Now().UnixNano())
	p.current = f
	go p.run(ctx, f)
	go p.watch(ctx, f)
	return f, nil
}

// watch ends a pass that nobody asks about.
func (p *Projection) watch(ctx context.Context, f *following) {
	for {
		left := p.idle - time.Since(time.Unix(0, f.asked.Load()))
		if left <= 0 {
			break
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == f {
		p.current = nil
	}
	f.end()
}

// run reads the ledger until its pass ends. The connection stays open for what is
// asked after the history is full, and is closed with the pass.
func (p *Projection) run(ctx context.Context, f *following) {
	conn, err := p.connect(ctx)
	if err != nil {
		f.over.Store(&ending{err, time.Now()})
		close(f.begun)
		return
	}
	context.AfterFunc(ctx, conn.Close)
	f.conn = conn
	close(f.begun)
	err = feed.Run(ctx, feed.Config{
		Conn: conn, Zone: p.cfg.Fabric.Zone, Ledger: p.cfg.Fabric.Ledger, Keys: ledger.NewKeys(),
		Logger: slog.New(slog.DiscardHandler), Guard: &f.guard, CaughtUp: func() { close(f.caught) },
	}, p.read, f.step)
	f.over.Store(&ending{fmt.Errorf("following the ledger ended: %w", err), time.Now()})
}

func (p *Projection) connect(ctx context.Context) (*streams.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	return p.cfg.Connect(ctx)
}

func (f *following) step(fold *ledger.Fold, ev feed.Event[history.Ahead]) error {
	if err := f.history.Step(fold, ev.Record, ev.Ahead); err != nil {
		return err
	}
	f.times = append(f.times, fold.LogTime().UnixNano())
	return nil
}
