// Package desk is where the permits of a gateway's executor meet the calls that wait
// for them. A gateway is agent and executor in one process: it proposes, and acts only
// on what it proposed itself and still waits for.
//
// The way of a call: agent.Propose, whose Proposing says Expect → the ledger → the
// executor, on a permit → Desk.Handle → Act, once → Outcome.
package desk

import (
	"context"
	"errors"
	"sync"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/executor"
)

// Act carries a call out, on a permit. It is called at most once. What it returns is
// what becomes of the action on the ledger; see executor.Handler.
type Act func(ctx context.Context, a executor.Action) (executor.Result, error)

// Desk is the handler of the gateway's executor for every tool. The zero Desk is empty
// and refuses; it is safe for concurrent use.
type Desk struct {
	mu      sync.Mutex
	waiting map[trust.Digest]Act
}

// ErrNobodyWaits is an action that nobody in this process waits for: somebody else
// proposed it, or its call is over. Nothing is done.
var ErrNobodyWaits = errors.New("desk: no call waits for this intent here; nothing was done")

// Handlers serves an executor's tools; see zone.Config.Handlers.
func (d *Desk) Handlers(_ string, tools []string) (map[string]executor.Handler, error) {
	handlers := make(map[string]executor.Handler, len(tools))
	for _, tool := range tools {
		handlers[tool] = d
	}
	return handlers, nil
}

// Handle implements executor.Handler: it carries out the call that waits for the
// intent, which from then on nobody waits for.
func (d *Desk) Handle(ctx context.Context, a executor.Action) (executor.Result, error) {
	d.mu.Lock()
	act := d.waiting[a.Digest]
	delete(d.waiting, a.Digest)
	d.mu.Unlock()
	if act == nil {
		return executor.Result{}, ErrNobodyWaits
	}
	return act(ctx, a)
}

// Expect says what to do on a permit for the intent. It is to be called before the
// intent is sent; see agent.Request.Proposing.
func (d *Desk) Expect(intent trust.Digest, act Act) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting == nil {
		d.waiting = make(map[trust.Digest]Act)
	}
	d.waiting[intent] = act
}

// Forget makes sure that a call is not carried out any more, unless it was already.
func (d *Desk) Forget(intent trust.Digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, intent)
}
