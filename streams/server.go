package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/portcullis-dev/portcullis/streams/door"
)

// ServerConfig is what an embedded server needs. StoreDir is required.
type ServerConfig struct {
	StoreDir     string // created with mode 0700 if missing; one server at a time
	Host         string // "" means 127.0.0.1
	Port         int    // 0 means 4222; -1: any free port
	Durability   Durability
	Zones        []ZoneConfig // their streams are created or verified
	Participants []Participant
	Logger       *slog.Logger  // nil: nothing is logged
	StartTimeout time.Duration // 0 means 30 s; a large store takes time to recover
	Limits       door.Limits   // of each agent that connects over the network; zero: door.DefaultLimits
}

// Server is an embedded NATS server that holds the streams of its zones.
type Server struct {
	ns     *server.Server
	cfg    ServerConfig
	log    *serverLog
	gate   gate
	unlock func()
	admin  nkeys.KeyPair // of this start only; never leaves the process

	reloading sync.Mutex
	stop      sync.Once
}

// StartServer starts an embedded server from the text of Config and ensures
// the streams of its zones. It returns when the server takes connections. The
// server writes to the logger only, never to the standard streams.
func StartServer(cfg ServerConfig) (*Server, error) {
	s := &Server{cfg: cfg, gate: gate{limits: cfg.Limits}, log: newServerLog(cfg.Logger)}
	admin, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("streams: start server: make an administrator's key: %w", err)
	}
	s.admin = admin
	opts, err := s.options(cfg.Participants)
	if err != nil {
		return nil, err
	}
	if s.unlock, err = claimStore(cfg.StoreDir); err != nil {
		return nil, err
	}
	if err := s.start(opts); err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(opts *server.Options) error {
	if err := s.boot(opts); err != nil {
		return err
	}
	return s.ensureZones()
}

// boot starts the server and waits until it takes connections.
func (s *Server) boot(opts *server.Options) error {
	shown := s.gate.behind(opts)
	ns, err := server.NewServer(opts)
	if err != nil {
		return fmt.Errorf("streams: start server: %w", err)
	}
	s.ns = ns
	ns.SetLoggerV2(s.log, false, false, false)
	go ns.Start()
	if err := s.awaitReady(); err != nil {
		return err
	}
	return s.gate.open(s, opts, shown)
}

// awaitReady waits until clients can connect, or says why they never will.
func (s *Server) awaitReady() error {
	limit := s.cfg.StartTimeout
	if limit == 0 {
		limit = 30 * time.Second
	}
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		if s.ns.ReadyForConnections(50*time.Millisecond) && s.ns.JetStreamEnabled() {
			return nil
		}
		if cause := s.log.fatal(); cause != "" {
			return fmt.Errorf("streams: start server: store %s, address %s: %s", s.cfg.StoreDir, s.address(), cause)
		}
	}
	return fmt.Errorf("streams: start server: not ready after %v; the log says what it waits for", limit)
}

func (s *Server) address() string {
	return fmt.Sprintf("%s:%d", orElse(s.cfg.Host, "127.0.0.1"), s.port())
}

func (s *Server) port() int {
	if s.cfg.Port == 0 {
		return server.DEFAULT_PORT
	}
	return s.cfg.Port
}

func (s *Server) ensureZones() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := s.connectAdmin(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, z := range s.cfg.Zones {
		if err := c.Ensure(ctx, z); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) connectAdmin(ctx context.Context) (*Conn, error) {
	seed, err := s.admin.Seed()
	if err != nil {
		return nil, fmt.Errorf("streams: administrator's key: %w", err)
	}
	return Connect(ctx, ConnConfig{Server: s, Seed: seed, Name: "portcullis-server", Logger: s.cfg.Logger})
}

// options turns the participants into server options through the text of Config.
func (s *Server) options(ps []Participant) (*server.Options, error) {
	key, err := s.admin.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("streams: administrator's key: %w", err)
	}
	text, err := Config(ConfigParams{
		Host: s.cfg.Host, Port: s.port(), StoreDir: s.cfg.StoreDir,
		Durability: s.cfg.Durability, Admins: []string{key}, Participants: ps,
	})
	if err != nil {
		return nil, err
	}
	opts := &server.Options{}
	if err := opts.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("streams: start server: %w", err)
	}
	opts.NoSigs = true
	return opts, nil
}

// Reload puts another set of participants in force, without a restart. Those
// who are no longer in it, or whose rights changed, are disconnected.
//
// The server (2.15) gives an account that is new in a reload its imports only
// at the next one, so each set is loaded twice; an operator of an external
// server signals it twice too. The second time changes nothing else.
func (s *Server) Reload(ps []Participant) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	for range 2 {
		opts, err := s.options(ps)
		if err != nil {
			return err
		}
		if err := s.gate.reload(s.ns, opts); err != nil {
			return fmt.Errorf("streams: reload participants: %w", err)
		}
	}
	s.cfg.Participants = ps
	return nil
}

// URL returns where clients connect.
func (s *Server) URL() string { return s.gate.door.URL() }

// Shutdown stops the server and waits until its store is closed. It may be
// called again.
func (s *Server) Shutdown() {
	s.stop.Do(func() {
		s.gate.close()
		if s.ns != nil {
			s.ns.Shutdown()
			s.ns.WaitForShutdown()
		}
		if s.unlock != nil {
			s.unlock()
		}
	})
}

// ErrStoreInUse reports a store folder that another server has locked.
var ErrStoreInUse = errors.New("in use by another server")

// claimStore makes the store folder, proves that it can be written, and locks
// it against a second server.
func claimStore(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("streams: store folder %s: %w; choose one that this user may write", dir, err)
	}
	path := filepath.Join(dir, "portcullis.lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("streams: store folder %s: %w; choose one that this user may write", dir, err)
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("streams: store folder %s is %w: %w; stop that one first", dir, ErrStoreInUse, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing drops the lock
}

// serverLog hands the server's log to slog and remembers the first fatal line,
// which is the server's only way to say why it cannot start.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	first string
}

func newServerLog(log *slog.Logger) *serverLog {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &serverLog{log: log}
}

func (l *serverLog) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *serverLog) write(level slog.Level, format string, a []any) {
	l.log.Log(context.Background(), level, "nats-server", "says", strings.TrimSpace(fmt.Sprintf(format, a...)))
}

func (l *serverLog) Noticef(format string, a ...any) { l.write(slog.LevelDebug, format, a) }
func (l *serverLog) Warnf(format string, a ...any)   { l.write(slog.LevelWarn, format, a) }
func (l *serverLog) Errorf(format string, a ...any)  { l.write(slog.LevelError, format, a) }
func (l *serverLog) Debugf(format string, a ...any)  { l.write(slog.LevelDebug, format, a) }
func (l *serverLog) Tracef(format string, a ...any)  { l.write(slog.LevelDebug, format, a) }

func (l *serverLog) Fatalf(format string, a ...any) {
	l.write(slog.LevelError, format, a)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == "" {
		l.first = fmt.Sprintf(format, a...)
	}
}
