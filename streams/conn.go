package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/schemas"
)

// ConnConfig says where to connect and as whom. One of URL, Context and Server
// is required, and Seed unless the context has credentials of its own.
type ConnConfig struct {
	URL     string  // "nats://host:port", several with commas; tls:// for TLS 1.3
	Context string  // of the nats command: where to connect, with which TLS files, and as whom if Seed is nil
	Server  *Server // an embedded server in this process: no socket
	Seed    []byte  // NKey seed of the participant ("SU…"); copied
	Zone    string  // "" only for administrators
	Name    string  // of the participant

	// RootCAs are the authorities, in PEM, to one of which the certificate of a
	// server at a tls:// URL must lead; "" means those of this machine.
	RootCAs string

	AckTimeout  time.Duration // of an append; 0 means 5 s
	MaxInFlight int           // appends without an answer yet; 0 means 1024
	Logger      *slog.Logger  // nil: nothing is logged
}

const (
	inboxPrefix    = "_INBOX"
	pingInterval   = 2 * time.Second
	maxPingsOut    = 2
	connectTimeout = 5 * time.Second
	refusedFor     = time.Second // a server that reads new rights refuses known keys for a moment
	drainTimeout   = 5 * time.Second
)

// Conn is one participant's connection. It reconnects for ever, and says so to
// followers; it never keeps a record to send it later. Safe for concurrent use.
type Conn struct {
	nc   *nats.Conn
	cfg  ConnConfig
	log  *slog.Logger
	app  *appender
	done chan struct{} // closed when the connection is closed for good

	backoff backoff
	loss    lossLog
	astray  astray
	closing sync.Once

	mu        sync.Mutex
	listeners map[*listener]struct{} // guarded by mu
}

// connEvent is a change that followers and appends must know of.
type connEvent int

const (
	eventLost connEvent = iota
	eventBack
	eventDropped // the client dropped messages of some subscription
)

// listener is told of events; it must not block.
type listener struct{ on func(connEvent) }

// Connect connects and returns when the broker accepted the key. It waits for
// a server that is not up yet until ctx ends.
func Connect(ctx context.Context, cfg ConnConfig) (*Conn, error) {
	c := &Conn{cfg: cfg, log: cfg.Logger, done: make(chan struct{}), listeners: map[*listener]struct{}{}}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.loss.log, c.loss.participant = c.log, cfg.Name
	c.app = newAppender(c)
	opts, err := c.options()
	if err != nil {
		return nil, err
	}
	if cfg.Context != "" {
		c.cfg.URL, opts, err = c.fromContext(opts)
		if err != nil {
			return nil, err
		}
	}
	for begun, round := time.Now(), 1; ; round++ {
		if c.nc, err = nats.Connect(c.cfg.URL, opts...); err == nil {
			break
		}
		if err := c.waitToRetry(ctx, err, round, time.Since(begun)); err != nil {
			return nil, fmt.Errorf("streams: connect %s to %s: %w", cfg.Name, orElse(whereOf(c.cfg.URL), "the embedded server"), err)
		}
	}
	c.backoff.connected(time.Now())
	if err := c.app.open(); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("streams: connect %s: %w", cfg.Name, err)
	}
	return c, nil
}

// whereOf is server URLs without who logs in: what may be told.
func whereOf(urls string) string {
	all := strings.Split(urls, ",")
	for i, u := range all {
		scheme, rest, found := strings.Cut(u, "://")
		if !found {
			scheme, rest = "", u
		}
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			all[i] = rest[at+1:]
			if found {
				all[i] = scheme + "://" + all[i]
			}
		}
	}
	return strings.Join(all, ",")
}

// waitToRetry returns nil when connecting may be tried again, after so many rounds. A key that is
// refused for longer than a server takes to read new rights does not get better by
// waiting, nor does a server of this process that has stopped; one that runs may
// only have been too busy to answer in time.
func (c *Conn) waitToRetry(ctx context.Context, err error, rounds int, tried time.Duration) error {
	stopped := c.cfg.Server != nil && !c.cfg.Server.ns.Running()
	if stopped || errors.Is(err, nats.ErrAuthorization) && tried >= refusedFor {
		return fmt.Errorf("%w; check that the server runs and this key is enrolled", err)
	}
	timer := time.NewTimer(spread(rounds))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case <-timer.C:
		return nil
	}
}

func (c *Conn) options() ([]nats.Option, error) {
	places := 0
	for _, given := range []bool{c.cfg.URL != "", c.cfg.Context != "", c.cfg.Server != nil} {
		if given {
			places++
		}
	}
	if places != 1 {
		return nil, errors.New("streams: connect: give either a URL, a nats context or an embedded server")
	}
	if c.cfg.URL != whereOf(c.cfg.URL) { // and it must not be repeated
		return nil, errors.New("streams: connect: the URL holds a user, a password or a token; participants are known by their keys: leave it out, or use a nats context")
	}
	if c.cfg.Zone != "" {
		if err := schemas.CheckName(c.cfg.Zone); err != nil {
			return nil, fmt.Errorf("streams: connect: zone: %w", err)
		}
	}
	opts := []nats.Option{
		nats.Name(c.cfg.Name),
		nats.CustomInboxPrefix(inboxPrefix),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPingsOut),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(func(round int) time.Duration { return c.backoff.delay(round, time.Now()) }),
		nats.SetCustomDialer(dialer{}),
		nats.SyncQueueLen(liveMessages), // each follower pays for two of these, however idle
		nats.IgnoreAuthErrorAbort(),     // a key may be enrolled again
		nats.ReconnectBufSize(-1),       // nothing is sent later than it was asked for
		// Where the servers are, configuration says, and no server.
		nats.IgnoreDiscoveredServers(),
		nats.Timeout(connectTimeout), nats.DrainTimeout(drainTimeout),
		nats.NoEcho(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { c.lost(err) }),
		nats.ReconnectHandler(func(*nats.Conn) { c.back() }),
		nats.ClosedHandler(func(*nats.Conn) { close(c.done) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.asyncError(err) }),
	}
	if c.cfg.Server != nil {
		opts = append(opts, nats.InProcessServer(c.cfg.Server.ns))
	}
	secure, err := c.cfg.secure()
	if err != nil {
		return nil, err
	}
	opts = append(opts, secure...)
	if len(c.cfg.Seed) == 0 && c.cfg.Context != "" {
		return opts, nil // the context authenticates
	}
	auth, err := signer(c.cfg.Seed)
	if err != nil {
		return nil, err
	}
	return append(opts, auth), nil
}

// fromContext adds what a context of the nats command says.
func (c *Conn) fromContext(opts []nats.Option) (url string, all []nats.Option, err error) {
	context, err := readContext(c.cfg.Context)
	if err != nil {
		return "", nil, err
	}
	opts = append(opts, context.tls()...)
	if len(c.cfg.Seed) > 0 {
		return context.URL, opts, nil
	}
	login, err := context.login()
	if err != nil {
		return "", nil, err
	}
	if login == nil {
		return "", nil, fmt.Errorf("streams: nats context %s has no credentials; give a seed", c.cfg.Context)
	}
	return context.URL, append(opts, login), nil
}

// signer proves the possession of the NKey. The key never signs records.
func signer(seed []byte) (nats.Option, error) {
	key, err := nkeys.FromSeed(append([]byte(nil), seed...))
	if err != nil {
		return nil, fmt.Errorf("streams: connect: NKey seed: %w", err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("streams: connect: NKey seed: %w", err)
	}
	return nats.Nkey(public, key.Sign), nil
}

// Close waits for the answers of what is in flight, for a few seconds, and
// closes the connection. Followers and readers on it end with ErrClosed. It may
// be called again.
func (c *Conn) Close() {
	c.closing.Do(func() {
		c.app.flush(drainTimeout)
		c.loss.settled()
		if err := c.nc.Drain(); err != nil {
			c.nc.Close()
		}
		<-c.done
		c.app.close()
	})
}

// Connected reports whether the connection stands now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

func (c *Conn) lost(err error) {
	if err != nil { // nil: we closed it
		c.loss.lost(err)
	}
	c.app.connectionLost(err)
	c.tell(eventLost)
}

func (c *Conn) back() {
	c.backoff.connected(time.Now())
	c.astray.moved()
	c.loss.settled()
	c.log.Info("connection back", "participant", c.cfg.Name)
	c.tell(eventBack)
}

func (c *Conn) asyncError(err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		c.log.Error("broker refused", "participant", c.cfg.Name, "err", err)
		c.app.violation(err)
	case errors.Is(err, nats.ErrAuthorization):
		c.loss.refused(err)
	case errors.Is(err, nats.ErrSlowConsumer):
		c.log.Warn("messages dropped, reading them again", "participant", c.cfg.Name)
		c.tell(eventDropped)
	case errors.Is(err, nats.ErrBadHeaderMsg):
		// Somebody stored a record with a malformed header: noise, which the
		// reader recognises by itself.
	default:
		c.log.Warn("connection error", "participant", c.cfg.Name, "err", err)
	}
}

func (c *Conn) listen(on func(connEvent)) (stop func()) {
	l := &listener{on}
	c.mu.Lock()
	c.listeners[l] = struct{}{}
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		delete(c.listeners, l)
		c.mu.Unlock()
	}
}

func (c *Conn) tell(e connEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.listeners {
		l.on(e)
	}
}
