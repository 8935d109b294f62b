package mcp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
)

// Desk is where permits meet the calls that wait for them: the handler of the
// gateway's executor for every tool. The zero Desk is empty and ready; it is safe
// for concurrent use.
type Desk struct {
	mu      sync.Mutex
	waiting map[trust.Digest]*call
}

var errNobodyWaits = errors.New("mcp: no call waits for this intent here; nothing was sent to the server")

// Handlers serves an executor's tools; see zone.Config.Handlers.
func (d *Desk) Handlers(_ string, tools []string) (map[string]executor.Handler, error) {
	handlers := make(map[string]executor.Handler, len(tools))
	for _, tool := range tools {
		handlers[tool] = d
	}
	return handlers, nil
}

// Handle forwards the call that waits for an intent. An intent that somebody else
// proposed, or whose call is over, reaches no server.
func (d *Desk) Handle(ctx context.Context, a executor.Action) (executor.Result, error) {
	d.mu.Lock()
	c := d.waiting[a.Digest]
	delete(d.waiting, a.Digest)
	d.mu.Unlock()
	if c == nil {
		return executor.Result{}, errNobodyWaits
	}
	return c.act(ctx, a)
}

func (d *Desk) expect(intent trust.Digest, c *call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = make(map[trust.Digest]*call)
	}
	d.waiting[intent] = c
}

// forget makes sure that a call is not forwarded any more, unless it was already.
func (d *Desk) forget(intent trust.Digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, intent)
}

// ErrNotForwarded is what a Peer wraps when it is certain that no byte of a call
// reached the server.
var ErrNotForwarded = errors.New("mcp: not forwarded")

// ErrServerRefused is what a Peer wraps when the server's transport refused the call
// in its own words, such as an HTTP status of 4xx.
var ErrServerRefused = errors.New("mcp: the server refused the call")

// forwardFailed is a failed Forward in the executor's terms. What may have reached
// the server may have been done.
func forwardFailed(err error) error {
	if errors.Is(err, ErrNotForwarded) || errors.Is(err, ErrServerRefused) {
		return err
	}
	return fmt.Errorf("%w: %w", executor.ErrIndeterminate, err)
}
