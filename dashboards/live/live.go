// Package live tells the console's pages how the zone stands, as it changes.
//
// One observer serves everybody who looks. It is opened when somebody first looks,
// and again when it has ended: a page that is told nothing shows that it knows
// nothing.
package live

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/zone"
)

// Observer is what a zone's status is read from; *zone.Observer is one.
type Observer interface {
	Ready(ctx context.Context) error
	Status(ctx context.Context) (zone.Status, error)
	Close()
}

// Config is what it takes to look.
type Config struct {
	// Open begins to observe. The observer outlives ctx.
	Open func(ctx context.Context) (Observer, error)
	// More adds what else a report tells; it may be nil.
	More func(ctx context.Context, s *zone.Status, report map[string]any)
}

// Live serves the zone's status. Safe for concurrent use.
type Live struct {
	cfg Config

	mu       sync.Mutex
	observer Observer // nil until somebody looks, and after it has ended
	newest   *report  // nil while nothing is known
	asked    time.Time
	running  bool
	closed   bool
}

// report is the zone's status at one moment, and what comes after it.
type report struct {
	fields map[string]any
	err    error
	next   chan struct{} // closed when there is a newer one
}

// told reports whether it says anything, if only why nothing is known.
func (r *report) told() bool { return r.fields != nil || r.err != nil }

// New makes one. It opens nothing yet.
func New(cfg Config) *Live { return &Live{cfg: cfg} }

// Close ends observing.
func (l *Live) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.drop()
}

func (l *Live) drop() {
	if l.observer != nil {
		l.observer.Close()
		l.observer = nil
	}
}

const (
	every        = 500 * time.Millisecond // how often the status is read while somebody looks
	openWithin   = 30 * time.Second       // for the ledger's newest part to be read
	idleAfter    = time.Minute            // nobody looks any more: observing ends
	retryEvery   = 2 * time.Second        // after it could not be opened
	statusWithin = 5 * time.Second
)

// Routes are a report of this moment, and a stream of them.
func (l *Live) Routes() []surface.Route {
	return []surface.Route{
		{Pattern: "GET /api/v1/status", Needs: surface.Viewer, Handle: l.once},
		{Pattern: "GET /api/v1/events", Needs: surface.Viewer, Handle: l.stream},
	}
}

func (l *Live) once(w http.ResponseWriter, r *http.Request) error {
	found, err := l.after(r.Context(), nil)
	if err != nil {
		return err
	}
	if found.err != nil {
		return surface.Unable(found.err.Error())
	}
	return surface.JSON(w, found.fields)
}

// stream sends "status" with each report, and "unknown" with why there is none.
func (l *Live) stream(w http.ResponseWriter, r *http.Request) error {
	out, err := surface.OpenStream(w)
	if err != nil {
		return err
	}
	var last *report
	for {
		if last, err = l.after(r.Context(), last); err != nil {
			return err
		}
		event, value := "status", any(last.fields)
		if last.err != nil {
			event, value = "unknown", map[string]string{"why": last.err.Error()}
		}
		if err := out.Send(event, value); err != nil {
			return err
		}
	}
}

var errClosed = surface.Unable("the console ends")

// after waits for a report newer than the one given.
func (l *Live) after(ctx context.Context, last *report) (*report, error) {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return nil, errClosed
		}
		l.asked = time.Now()
		if !l.running {
			l.running, l.newest = true, &report{next: make(chan struct{})}
			go l.run() //nolint:contextcheck // it serves everybody, not this request
		}
		newest := l.newest
		l.mu.Unlock()
		if newest != last && newest.told() {
			return newest, nil
		}
		select {
		case <-newest.next:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// run reads the status again and again, until nobody has asked for it for a while.
func (l *Live) run() {
	for {
		fields, err := l.read()
		pause := every
		if err != nil {
			pause = retryEvery
		}
		if !l.publish(&report{fields: fields, err: err, next: make(chan struct{})}) {
			return
		}
		time.Sleep(pause)
	}
}

// publish hands a report to whoever waits; false if nobody looks any more.
func (l *Live) publish(found *report) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.newest.next)
	l.newest = found
	if found.err != nil {
		l.drop()
	}
	if l.closed || time.Since(l.asked) > idleAfter {
		l.drop()
		l.running = false
	}
	return l.running
}

// read runs in run's goroutine alone, which alone opens observers.
func (l *Live) read() (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openWithin)
	defer cancel()
	l.mu.Lock()
	observer := l.observer
	l.mu.Unlock()
	if observer == nil {
		var err error
		if observer, err = l.open(ctx); err != nil {
			return nil, err
		}
	}
	reading, done := context.WithTimeout(ctx, statusWithin)
	defer done()
	s, err := observer.Status(reading)
	if err != nil {
		return nil, err
	}
	fields := s.Report()
	if l.cfg.More != nil {
		l.cfg.More(reading, &s, fields)
	}
	return fields, nil
}

func (l *Live) open(ctx context.Context) (Observer, error) {
	observer, err := l.cfg.Open(ctx)
	if err != nil {
		return nil, err
	}
	if err := observer.Ready(ctx); err != nil {
		observer.Close()
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.observer = observer
	return observer, nil
}
