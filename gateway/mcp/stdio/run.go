package stdio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// Config is what one session needs. All fields are required.
type Config struct {
	In      io.Reader // from the client
	Out     io.Writer // to the client
	Server  Server
	Session *mcp.Session
	Logger  *slog.Logger
}

// Server is the upstream: what it writes and reads. Close ends it and waits.
type Server interface {
	Reader() io.Reader
	Writer() io.Writer
	Close() error
}

const (
	// maxMessage bounds one message, either way.
	maxMessage = 16 << 20
	// endGrace is how long calls that went to the server may take to be answered
	// once the client has gone.
	endGrace = 5 * time.Second
)

// ErrServerEnded reports a server that ended, or wrote what is no message, while
// the client was there.
var ErrServerEnded = errors.New("mcp: the server ended; see what it wrote on standard error")

// Run passes messages until the client closes its end, the server does, or ctx
// ends. It returns nil when the client is done.
func Run(ctx context.Context, cfg Config) error {
	if cfg.In == nil || cfg.Out == nil || cfg.Server == nil || cfg.Session == nil || cfg.Logger == nil {
		return errors.New("mcp: In, Out, Server, Session and Logger are required")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLink(ctx, cfg)
	ended := make(chan error, 2)
	go func() { ended <- l.fromClient(ctx) }()
	served := make(chan error, 1)
	go func() {
		err := l.fromServer()
		l.lost()
		served <- err
	}()
	go l.toServer(ctx)
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-ended:
		l.finish(endGrace)
	case err = <-served:
		err = errors.Join(ErrServerEnded, err)
		l.finish(endGrace)
	}
	cancel()
	l.finish(endGrace)
	return errors.Join(err, cfg.Server.Close())
}

// link is the two ends of a session.
type link struct {
	cfg  Config
	ctx  context.Context //nolint:containedctx // of the session: calls end with it
	mark string          // begins the ids of the gateway's own requests
	up   chan []byte     // to the server
	gone chan struct{}   // closed when the server is lost

	out sync.Mutex // whoever writes to the client

	mu    sync.Mutex
	next  int
	asked map[string]asked // requests of the client's on their way, by id
	own   jsonrpc.Waits    // answers that the gateway waits for, by side and id
	tells bool             // the client can ask its user
	calls sync.WaitGroup
}

// asked says what a request of the client's wants.
type asked int

const (
	askedOther asked = iota
	askedTools       // tools/list: the answer is looked into
)

// maxAsked bounds requests on their way, of either end.
const maxAsked = 1024

func newLink(ctx context.Context, cfg Config) *link {
	return &link{
		cfg: cfg, ctx: ctx, mark: "portcullis-" + cfg.Session.Name() + "-",
		up: make(chan []byte), gone: make(chan struct{}),
		asked: map[string]asked{}, own: jsonrpc.Waits{},
	}
}

// tell writes one message to the client.
func (l *link) tell(raw []byte) {
	if raw == nil {
		return
	}
	l.out.Lock()
	defer l.out.Unlock()
	if _, err := l.cfg.Out.Write(append(slices.Clip(raw), '\n')); err != nil {
		l.cfg.Logger.Warn("the client was not told", "err", err)
	}
}

// send hands one message to the server; the error says that it was not.
func (l *link) send(ctx context.Context, raw []byte) error {
	select {
	case l.up <- raw:
		return nil
	case <-l.gone:
		return fmt.Errorf("%w: %w", mcp.ErrNotForwarded, ErrServerEnded)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", mcp.ErrNotForwarded, context.Cause(ctx))
	}
}

func (l *link) toServer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case raw := <-l.up:
			if _, err := l.cfg.Server.Writer().Write(append(slices.Clip(raw), '\n')); err != nil {
				l.cfg.Logger.Error("the server does not read", "err", err)
				_ = l.cfg.Server.Close() // so that its end is seen
				return
			}
		}
	}
}

// lost ends the waits for answers that cannot come any more.
func (l *link) lost() {
	close(l.gone)
}

// finish waits for the calls that are on their way.
func (l *link) finish(grace time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.calls.Wait()
	}()
	select {
	case <-done:
	case <-time.After(grace):
	}
}
