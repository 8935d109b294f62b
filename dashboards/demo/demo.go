// Package demo is the surface that shows the story of `portcullis demo`: it has it told,
// on a zone of its own that is gone afterwards, and hands on what is told to every page
// that looks, from its beginning. It has nothing to do with the governed zone.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
)

// Config is what it takes to have the story told.
type Config struct {
	// Tell tells the story once. It calls hear with one thing after the other, and ends
	// when the story does, hear fails, or ctx ends; nothing that it started is left then.
	Tell func(ctx context.Context, hear func(Event) error) error
	// Within is how long that may take.
	Within time.Duration
}

// Event is one thing that is told.
type Event struct {
	Data   json.RawMessage // an object, as pages get it; "event" says what it is
	Record *Record         // what it tells of, to be looked at later; nil if it tells of none
}

// Record is a message on the ledger of the demo's zone.
type Record struct {
	Seq      uint64
	Time     time.Time // when the broker stored it
	Subject  string
	Envelope []byte            // as the ledger holds it; for noise, whatever it is
	Lines    []json.RawMessage // what the ledger's readers make of it
}

// Most of what is kept of one demo. A story has about a hundred events of a kilobyte.
const (
	mostEvents = 4096
	mostBytes  = 8 << 20
)

var errTooMuch = errors.New("the story tells more than the console keeps")

// Demo has the story told, one at a time, and keeps the last. Safe for concurrent use.
type Demo struct {
	cfg Config

	mu      sync.Mutex
	last    *telling      // nil if there was none
	changed chan struct{} // closed and replaced when anything below or in last changes
	closed  bool
}

// telling is one demo. Demo.mu guards it.
type telling struct {
	name    string // tells it from others
	since   time.Time
	took    time.Duration // 0 while it runs
	stopped bool          // somebody asked it to end
	err     error         // why it ended early
	events  []json.RawMessage
	records map[uint64]Record
	bytes   int

	cancel context.CancelFunc
	done   chan struct{} // closed when nothing of it is left
}

// New makes a surface. Nothing is told yet.
func New(cfg Config) *Demo { return &Demo{cfg: cfg, changed: make(chan struct{})} }

// Close ends the demo that runs, if one does, and waits until nothing of it is left.
func (d *Demo) Close() {
	d.mu.Lock()
	d.closed = true
	last := d.last
	d.mu.Unlock()
	if last != nil {
		last.cancel()
		<-last.done
	}
}

// begin has the story told, unless one is being told.
func (d *Demo) begin(name string) (State, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return State{}, surface.Unable("the console ends")
	case d.last.runs():
		return State{}, d.busy()
	}
	ctx, cancel := context.WithTimeout(context.Background(), d.cfg.Within)
	d.last = &telling{name: name, since: time.Now(), records: map[uint64]Record{}, cancel: cancel, done: make(chan struct{})}
	d.wake()
	go d.run(ctx, d.last)
	return d.state(), nil
}

func (t *telling) runs() bool { return t != nil && t.took == 0 }

func (d *Demo) run(ctx context.Context, t *telling) {
	defer close(t.done)
	defer t.cancel()
	err := d.cfg.Tell(ctx, func(e Event) error { return d.hear(t, e) })
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it was not over within %v", d.cfg.Within)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t.took, t.err = max(time.Since(t.since), 1), err
	d.wake()
}

func (d *Demo) hear(t *telling, e Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.bytes += len(e.Data)
	if e.Record != nil {
		t.bytes += len(e.Record.Envelope)
	}
	if len(t.events) == mostEvents || t.bytes > mostBytes {
		return errTooMuch
	}
	if e.Record != nil {
		t.records[e.Record.Seq] = *e.Record
	}
	t.events = append(t.events, e.Data)
	d.wake()
	return nil
}

func (d *Demo) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// stop asks the demo that runs to end, and waits for that.
func (d *Demo) stop(ctx context.Context) (State, error) {
	d.mu.Lock()
	last := d.last
	if last.runs() {
		last.stopped = true
		last.cancel()
	}
	d.mu.Unlock()
	if last != nil {
		select {
		case <-last.done:
		case <-ctx.Done():
			return State{}, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state(), nil
}
