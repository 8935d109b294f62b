package recorder

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/core/ledger"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/recorder/tiles"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/streams/feed"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

// Config is what a recorder needs. Fields are required where nothing else is
// said.
type Config struct {
	Conn       *streams.Conn
	Ledger     trust.Digest // digest of the genesis that it is pinned to
	ID         trust.Identity
	Key        *trust.SigningKey
	Credential []byte         // the Credential envelope that binds Key to ID
	LogKeys    *trust.LogKeys // they sign checkpoints; the release must list their public halves
	Dir        string         // the folder of the tree, see recorder/tiles; made if there is none
	Logger     *slog.Logger

	// Keys are shared with the other parts of this process; nil: with nobody.
	Keys *ledger.Keys

	// Build and Settings are the digests of the executable and of the effective
	// configuration that heartbeats state. May be zero.
	Build, Settings trust.Digest

	Witnesses []Witness     // who is asked to cosign
	Listen    string        // TCP address at which the tree is served; "" serves nobody
	Interval  time.Duration // between checkpoints, at most a second; 0 means 500 ms. While nothing but pulses comes, one in ten seconds is published
	Patience  time.Duration // with a witness, for one question; 0 means 5 s
}

// Witness is a witness of the release and where it is asked.
type Witness struct {
	Name string // its name in the release's directory
	URL  string // the submission prefix of C2SP tlog-witness, http or https
}

const (
	defaultInterval = 500 * time.Millisecond
	maxInterval     = time.Second
	defaultPatience = 5 * time.Second
)

func (c *Config) complete() error {
	if c.Conn == nil || c.Ledger.IsZero() || c.ID == (trust.Identity{}) || c.Key == nil || len(c.Credential) == 0 || c.LogKeys == nil || c.Dir == "" || c.Logger == nil {
		return errors.New("recorder: Conn, Ledger, ID, Key, Credential, LogKeys, Dir and Logger are all required")
	}
	if c.Interval == 0 {
		c.Interval = defaultInterval
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Interval < 0 || c.Interval > maxInterval || c.Patience < 0 {
		return fmt.Errorf("recorder: a checkpoint every %v, with %v for a witness; at least one a second, and neither is negative", c.Interval, c.Patience)
	}
	return nil
}

// Recorder keeps the tree. Make one with New, then Run it once.
type Recorder struct {
	cfg         Config
	incarnation [16]byte
	folder      *tiles.Folder
	witnesses   []*witness
	status      atomic.Pointer[Status]
	now         chan struct{} // capacity 1: beat at once
	due         chan struct{} // capacity 1: look at once whether to sign
	cosign      chan struct{} // capacity 1: there is a new checkpoint to cosign

	mu     sync.Mutex // the feed's guard
	book   *book      // what it knows from the ledger; nil while it finds out what it has signed
	ended  int        // losses that are known to have ended the trees before them
	signed *signed    // the newest checkpoint of this run; nil before the first
}

// Status is what a recorder knows of itself.
type Status struct {
	Silent     string             // why it signs nothing; empty if it does
	Position   uint64             // of the ledger, read
	Checkpoint lineage.Checkpoint // the newest of its tree; zero before the first, and before the ledger was compared with it
	Cosigned   int                // witnesses of the release that cosigned that one
	Signed     uint64             // checkpoints, since it started
	Findings   []*pb.Finding      // a fork; not to be changed
	Address    string             // at which the tree is served; "" if it is not
}

// New prepares a recorder.
func New(cfg Config) (*Recorder, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	cfg.Keys = cmp.Or(cfg.Keys, ledger.NewKeys())
	r := &Recorder{cfg: cfg, now: make(chan struct{}, 1), due: make(chan struct{}, 1), cosign: make(chan struct{}, 1)}
	var err error
	if r.witnesses, err = newWitnesses(cfg.Witnesses, cfg.Patience); err != nil {
		return nil, err
	}
	if _, err := rand.Read(r.incarnation[:]); err != nil {
		return nil, fmt.Errorf("recorder: no randomness for an incarnation: %w", err)
	}
	r.status.Store(&Status{Silent: "starting"})
	return r, nil
}

// Status is a snapshot. Safe for concurrent use.
func (r *Recorder) Status() Status { return *r.status.Load() }

// Run takes the folder, introduces the recorder's credential, follows the ledger
// and signs checkpoints until ctx ends. It returns ctx's error, or why it cannot
// go on: another recorder has the folder, the disk does not hold what it should
// (tiles.ErrDisk), or the ledger cannot be followed. A fork is no reason to end.
func (r *Recorder) Run(ctx context.Context) (err error) {
	if r.folder, err = tiles.Lock(r.cfg.Dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.folder.Close()) }()
	subject := schemas.Subject(r.cfg.ID.Zone, schemas.KindCredential, r.cfg.ID.Name)
	if err := streams.Introduce(ctx, r.cfg.Conn, subject, r.cfg.Credential); err != nil {
		return fmt.Errorf("recorder: introducing the credential: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	if r.cfg.Listen != "" {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.cfg.Listen)
		if err != nil {
			return fmt.Errorf("recorder: listening at %s: %w", r.cfg.Listen, err)
		}
		r.tell(func(s *Status) { s.Address = listener.Addr().String() })
		g.Go(func() error { return Serve(ctx, listener, r.cfg.Dir) })
	}
	g.Go(func() error { return r.follow(ctx) })
	g.Go(func() error { return r.sign(ctx) })
	g.Go(func() error { return r.askWitnesses(ctx) })
	g.Go(func() error {
		return feed.KeepIntroduced(ctx, r.cfg.Conn, subject, r.cfg.Credential, r.unknown)
	})
	g.Go(func() error {
		return heartbeat.Run(ctx, heartbeat.Config{
			Conn: r.cfg.Conn, Ledger: r.cfg.Ledger, ID: r.cfg.ID, Key: r.cfg.Key, Incarnation: r.incarnation,
			Build: r.cfg.Build, Settings: r.cfg.Settings, Logger: r.cfg.Logger, Read: r.heartbeat, Now: r.now,
		})
	})
	return g.Wait()
}

// unknown reports whether the ledger lacks its credential.
func (r *Recorder) unknown() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.started() && feed.Unknown(r.book.fold, r.cfg.Key.ID())
}

// tell changes the status. Whoever holds mu or is alone may.
func (r *Recorder) tell(change func(*Status)) {
	now := r.Status()
	change(&now)
	r.status.Store(&now)
}

// ring asks for something on a channel of capacity 1.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
