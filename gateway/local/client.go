package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Client is one connection to a service. Ask once, act on its Go, Report once.
type Client struct {
	wire    *wire
	answers chan Message  // what is no Stop
	stopped chan struct{} // closed on the first Stop
	gone    chan struct{} // closed when the connection has ended
	closed  chan struct{} // closed by Close
	close   func()

	mu  sync.Mutex
	why string // of the Stop
	end error  // of the connection
}

// Dial connects to the service at a path. ErrNoService says that there is none,
// ErrPlace that what is there cannot be trusted.
func Dial(ctx context.Context, path string) (*Client, error) {
	if err := checkPlace(path); err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: nobody serves at %s any more", ErrNoService, path)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNoService, err)
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%w: %s is no Unix socket", ErrPlace, path), conn.Close())
	}
	if err := samePeer(unix); err != nil {
		return nil, errors.Join(err, unix.Close())
	}
	c := &Client{wire: newWire(unix), answers: make(chan Message), stopped: make(chan struct{}), gone: make(chan struct{}), closed: make(chan struct{})}
	c.close = sync.OnceFunc(func() {
		close(c.closed)
		_ = unix.Close() // whatever was said was said
	})
	go c.listen()
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() {
	c.close()
	<-c.gone
}

// Stopped is closed when the service says that what was started must end.
func (c *Client) Stopped() <-chan struct{} { return c.stopped }

// Why says why it must; call it after Stopped.
func (c *Client) Why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// Gone is closed when the service cannot be heard any more.
func (c *Client) Gone() <-chan struct{} { return c.gone }

func (c *Client) listen() {
	for {
		m, err := c.wire.read()
		if err != nil {
			c.mu.Lock()
			c.end = err
			c.mu.Unlock()
			close(c.gone)
			return
		}
		if m.Stop == nil {
			select {
			case c.answers <- m:
			case <-c.closed:
			}
			continue
		}
		c.mu.Lock()
		first := c.why == ""
		c.why = "the service stops it: " + m.Stop.Why
		c.mu.Unlock()
		if first {
			close(c.stopped)
		}
	}
}

// RefusedError is a Refused as an error.
type RefusedError struct{ Refused Refused }

func (e *RefusedError) Error() string { return e.Refused.Text }

// Ask asks for one act and waits for its permit; waits, if set, is told that people
// are asked. Only without an error may the act start, and right away: see Go.Fresh.
func (c *Client) Ask(ctx context.Context, ask Ask, waits func(Wait)) (Go, error) {
	if err := c.wire.send(Message{Ask: &ask}); err != nil {
		return Go{}, err
	}
	for {
		m, err := c.hear(ctx)
		switch {
		case err != nil:
			return Go{}, err
		case m.Wait != nil && waits != nil:
			waits(*m.Wait)
		case m.Wait != nil:
		case m.Refused != nil:
			return Go{}, &RefusedError{*m.Refused}
		case m.Go != nil:
			return *m.Go, m.Go.Fresh()
		default:
			return Go{}, fmt.Errorf("%w: no answer to an ask", ErrMalformed)
		}
	}
}

// Report says what came of an act, and waits for what the ledger holds of it.
func (c *Client) Report(ctx context.Context, r Report) (Recorded, error) {
	if err := c.wire.send(Message{Report: &r}); err != nil {
		return Recorded{}, err
	}
	m, err := c.hear(ctx)
	switch {
	case err != nil:
		return Recorded{}, err
	case m.Refused != nil:
		return Recorded{}, &RefusedError{*m.Refused}
	case m.Recorded != nil:
		return *m.Recorded, nil
	default:
		return Recorded{}, fmt.Errorf("%w: no answer to a report", ErrMalformed)
	}
}

func (c *Client) hear(ctx context.Context) (Message, error) {
	select {
	case m := <-c.answers:
		return m, nil
	case <-c.gone:
		c.mu.Lock()
		defer c.mu.Unlock()
		return Message{}, fmt.Errorf("%w: it ended without an answer: %w", ErrNoService, c.end)
	case <-ctx.Done():
		return Message{}, fmt.Errorf("local: no answer came: %w", ctx.Err())
	}
}
