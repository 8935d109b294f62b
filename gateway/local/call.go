package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/portcullis-dev/portcullis/executor"
	"github.com/portcullis-dev/portcullis/gateway/mcp/jsonrpc"
)

// call is one act, from the ask to what the ledger holds of it.
type call struct {
	ask      Ask
	wire     *wire         // of whoever asked
	stopping chan struct{} // closed when the service stops

	reports chan Report   // capacity 1: what came of it
	lost    chan struct{} // closed when the connection of whoever asked has ended
	acted   chan struct{} // closed when act is over, if it began
	ended   chan struct{} // closed when recorded is set

	mu       sync.Mutex
	stop     context.CancelFunc // ends the wait for a permit
	over     bool               // no permit is wanted any more
	begun    bool               // a permit came in time
	went     bool               // its client was told to act
	told     bool               // a report was taken
	recorded Recorded
}

func newCall(ask Ask, w *wire, stopping chan struct{}, stop context.CancelFunc) *call {
	return &call{
		ask: ask, wire: w, stopping: stopping, stop: stop, reports: make(chan Report, 1),
		lost: make(chan struct{}), acted: make(chan struct{}), ended: make(chan struct{}),
	}
}

var (
	errOver     = errors.New("local: whoever asked has gone; nothing was done")
	errOther    = errors.New("local: the permit is for another act than was asked for; nothing was done")
	errStopping = errors.New("local: the service stops")
	errSilent   = fmt.Errorf("%w: its client was told to act, and did not report what came of it", executor.ErrIndeterminate)
	errMixed    = fmt.Errorf("%w: the act had other arguments than its permit", executor.ErrIndeterminate)
	errUnknown  = fmt.Errorf("%w: its client cannot tell what was done", executor.ErrIndeterminate)
)

// act tells the client to act, and waits for what comes of it. It runs in the
// executor, on a permit, once: the desk gives it away once.
func (c *call) act(ctx context.Context, a executor.Action) (executor.Result, error) {
	in := a.Intent
	if in.GetTool() != c.ask.Tool || in.GetResource() != c.ask.Resource || !bytes.Equal(in.GetArguments(), c.ask.Arguments) {
		return executor.Result{}, errOther
	}
	if !c.begin() {
		return executor.Result{}, errOver
	}
	defer close(c.acted)
	c.mu.Lock()
	c.went = true // before it is: its client may report at once
	c.mu.Unlock()
	err := c.wire.send(Message{Go: &Go{
		Intent: a.Digest.String(), Claim: a.Claim.String(), Deadline: a.Deadline, Boot: int64(bootClock()),
	}})
	if err != nil {
		return executor.Result{}, fmt.Errorf("nothing was done: %w", err)
	}
	return c.await(ctx)
}

func (c *call) await(ctx context.Context) (executor.Result, error) {
	lost := c.lost
	if c.ask.Detached {
		lost = nil
	}
	select {
	case r := <-c.reports:
		return c.ask.result(r)
	case <-lost:
		return c.heard(errSilent)
	case <-ctx.Done():
		return c.end(context.Cause(ctx))
	case <-c.stopping:
		return c.end(errStopping)
	}
}

// end has what runs ended. A client that is not there cannot end anything.
func (c *call) end(why error) (executor.Result, error) {
	if c.ask.Detached {
		return c.heard(fmt.Errorf("%w: %w", errSilent, why))
	}
	if err := c.wire.send(Message{Stop: &Stop{Why: why.Error()}}); err != nil {
		return c.heard(fmt.Errorf("%w: %w", errSilent, why))
	}
	patience, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	select {
	case r := <-c.reports:
		return c.ask.result(r)
	case <-c.lost:
	case <-patience.Done():
	}
	return c.heard(fmt.Errorf("%w: %w", errSilent, why))
}

// heard is the report if one is there, which is worth more than what else was seen.
func (c *call) heard(otherwise error) (executor.Result, error) {
	select {
	case r := <-c.reports:
		return c.ask.result(r)
	default:
		return executor.Result{}, otherwise
	}
}

// result is a report in the executor's terms.
func (a *Ask) result(r Report) (executor.Result, error) {
	if r.Arguments != nil && !sameJSON(r.Arguments, a.Arguments) {
		return executor.Result{}, errMixed
	}
	switch r.Status {
	case StatusDone:
		return executor.Result{Data: r.Result}, nil
	case StatusFailed:
		return executor.Result{}, fmt.Errorf("local: it failed: %s", r.Note)
	case StatusNotStarted:
		return executor.Result{}, fmt.Errorf("local: nothing was done: %s", r.Note)
	case StatusStopped:
		return executor.Result{}, fmt.Errorf("local: it was ended before its end: %s", r.Note)
	case StatusUnknown:
		return executor.Result{}, fmt.Errorf("%w: %s", errUnknown, r.Note)
	default:
		return executor.Result{}, errUnknown
	}
}

func sameJSON(a, b []byte) bool {
	one, err := jsonrpc.Canonical(a)
	if err != nil {
		return false
	}
	other, err := jsonrpc.Canonical(b)
	return err == nil && bytes.Equal(one, other)
}

// begin reports whether a permit is still wanted, and takes it.
func (c *call) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	c.begun = true
	return true
}

// giveUp ends the wait for a permit; begun says that one came before.
func (c *call) giveUp() (begun bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.begun {
		c.stop()
	}
	return c.begun
}

// take hands a report to whoever waits for it. The first one counts.
func (c *call) take(r Report) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.went:
		return ErrNotOpen
	case c.told:
		return ErrReported
	}
	c.told = true
	c.reports <- r // capacity 1, and told says that it is the first
	return nil
}

func (c *call) finish(r Recorded) {
	c.mu.Lock()
	c.recorded = r
	c.mu.Unlock()
	close(c.ended)
}

// listen takes what whoever asked says further, until the connection ends.
func (c *call) listen() {
	defer close(c.lost)
	for {
		m, err := c.wire.read()
		if err != nil || m.Report == nil || m.Report.Key != c.ask.Key || c.take(*m.Report) != nil {
			return // what is no report of this act is as good as silence
		}
	}
}
