package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/gateway/desk"
)

// Config is what a service needs. All fields are required but those that say
// otherwise.
type Config struct {
	Agent  *agent.Agent // whose acts these are
	Desk   *desk.Desk   // the handler of the executor that gets their permits
	Logger *slog.Logger
	// Timeout of an act, from the ask to the intent's deadline, by which it must have
	// been reported; 0 means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout leaves room for clocks that differ within the minute that a release
// grants unless it says otherwise.
const DefaultTimeout = 50 * time.Second

const (
	// maxClients are served at once; others are turned away.
	maxClients = 256
	// maxCalls bounds the acts that have not ended: an executor's slots are for others
	// too.
	maxCalls = 128
	// firstWithin is how long a client may take to say what it wants.
	firstWithin = 10 * time.Second
	// stopWithin is how long a client may take to report that it ended what it was
	// told to end. It is less than what an executor waits for when it stops.
	stopWithin = 2500 * time.Millisecond
	// recordedWithin is how long the ledger may take to hold an outcome before a
	// client is told that it is not known.
	recordedWithin = 10 * time.Second
)

// Server gives permits to clients. Make one with NewServer, then Serve once.
type Server struct {
	cfg      Config
	sessions *sessions
	stopping chan struct{}
	clients  sync.WaitGroup

	mu    sync.Mutex
	calls map[string]*call // that have not ended, by key
	used  *used
}

// NewServer prepares a service.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Agent == nil || cfg.Desk == nil || cfg.Logger == nil {
		return nil, errors.New("local: Agent, Desk and Logger are required")
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	return &Server{
		cfg: cfg, sessions: newSessions(cfg.Agent), stopping: make(chan struct{}),
		calls: map[string]*call{}, used: newUsed(maxUsed),
	}, nil
}

// Serve answers clients until ctx ends; then it has what runs ended, waits until
// that was reported, and returns nil. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener *net.UnixListener) error {
	unhook := context.AfterFunc(ctx, func() { _ = listener.Close() }) // it has no more to say
	defer unhook()
	err := s.accept(ctx, listener)
	close(s.stopping)
	s.clients.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(err, listener.Close())
}

func (s *Server) accept(ctx context.Context, listener *net.UnixListener) error {
	seats := make(chan struct{}, maxClients)
	for {
		conn, err := listener.AcceptUnix()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("local: %w", err)
		case err != nil: // out of file descriptors, for example
			s.cfg.Logger.Warn("no client can be accepted", "err", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		select {
		case seats <- struct{}{}:
			s.clients.Go(func() {
				defer func() { <-seats }()
				s.serve(ctx, conn)
			})
		default:
			_ = conn.Close() // no answer is no permit
		}
	}
}

// serve has one client, from its first message to its last.
func (s *Server) serve(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close()
	if err := samePeer(conn); err != nil {
		s.cfg.Logger.Warn("a client was turned away", "err", err)
		return
	}
	w := newWire(conn)
	first, err := w.first(ctx)
	switch {
	case err != nil:
		err = fmt.Errorf("no message was understood: %w", err)
	case first.Ask != nil:
		err = s.ask(w, *first.Ask)
	case first.Report != nil:
		err = s.report(w, *first.Report)
	default:
		err = fmt.Errorf("%w: a client begins with ask or report", ErrMalformed)
	}
	if err == nil {
		return
	}
	if err := w.send(Message{Refused: refusalOf(err)}); err != nil {
		s.cfg.Logger.Debug("a client was not told of its refusal", "err", err)
	}
}

// first is a client's first message, for which nobody waits long.
func (w *wire) first(ctx context.Context) (Message, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(firstWithin)); err != nil {
		return Message{}, err
	}
	unhook := context.AfterFunc(ctx, func() { _ = w.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer unhook()
	m, err := w.read()
	if err != nil {
		return Message{}, err
	}
	return m, w.conn.SetReadDeadline(time.Time{})
}

// The reasons for which nothing is proposed.
var (
	ErrAsked   = errors.New("local: this act was asked for already; nothing is done twice under one key")
	ErrTooMany = fmt.Errorf("local: %d acts have not ended; wait for one of them", maxCalls)
)

// enter makes a call the one of its key, for good.
func (s *Server) enter(c *call) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.used.has(c.ask.Key):
		return ErrAsked
	case len(s.calls) >= maxCalls:
		return ErrTooMany
	}
	s.used.add(c.ask.Key)
	s.calls[c.ask.Key] = c
	return nil
}

func (s *Server) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c.ask.Key)
}

func (s *Server) open(key string) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[key]
}
