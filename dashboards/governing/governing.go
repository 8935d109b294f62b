package governing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// Config is what it takes to govern. All is required.
type Config struct {
	Fabric *fabric.Fabric
	Broker zone.Broker
	// Read connects as somebody who may read the ledger and hear heartbeats.
	Read   func(ctx context.Context) (*streams.Conn, error)
	Logger *slog.Logger
}

// Governing serves a zone's governance. Safe for concurrent use.
type Governing struct {
	cfg     Config
	reading *lazy[reading]
	relay   *lazy[*streams.Conn]

	mu   sync.Mutex
	sent []zone.Sent // the newest records that were handed in here, oldest first
}

// reading is what is read from: one connection and one observer for all who look.
type reading struct {
	conn     *streams.Conn
	observer *zone.Observer
	governed *zone.Governing // reads over conn
}

// New makes one. It connects when somebody first asks.
func New(cfg Config) *Governing {
	g := &Governing{cfg: cfg}
	g.reading = newLazy(g.read, func(r reading) { r.observer.Close(); r.conn.Close() }, func(r reading) bool { return r.observer.Ended() })
	g.relay = newLazy(func(ctx context.Context) (*streams.Conn, error) {
		return cfg.Broker.ConnectRelay(ctx, cfg.Fabric, cfg.Logger)
	}, (*streams.Conn).Close, func(*streams.Conn) bool { return false })
	return g
}

// Close ends its connections.
func (g *Governing) Close() {
	g.reading.end()
	g.relay.end()
}

// Routes are what can be asked: looking is a viewer's, answering for what waits an
// approver's, halting and resuming an operator's.
func (g *Governing) Routes() []surface.Route {
	return []surface.Route{
		{Pattern: "GET /api/v1/governance", Needs: surface.Viewer, Handle: g.state},
		{Pattern: "GET /api/v1/governance/approvals", Needs: surface.Viewer, Handle: g.waiting},
		{Pattern: "GET /api/v1/governance/keys/{key}", Needs: surface.Viewer, Handle: g.owner},
		{Pattern: "GET /api/v1/governance/records/{id}", Needs: surface.Viewer, Handle: g.find},
		{Pattern: "GET /api/v1/governance/records/{position}/confirmations", Needs: surface.Viewer, Handle: g.confirmations},
		{Pattern: "POST /api/v1/governance/preview", Needs: surface.Viewer, Handle: g.preview},
		{Pattern: "POST /api/v1/governance/resume/preview", Needs: surface.Viewer, Handle: g.previewResume},
		{Pattern: "POST /api/v1/governance/approvals", Needs: surface.Approver, Handle: g.answer},
		{Pattern: "POST /api/v1/governance/records", Needs: surface.Operator, Handle: g.handIn},
	}
}

const (
	readWithin = 10 * time.Second // for the ledger to say what stands on it
	sendWithin = 10 * time.Second // for the ledger to acknowledge a record
)

var errEnds = surface.Unable("the console ends")

// read opens what is read from. Its life is not the request's.
func (g *Governing) read(ctx context.Context) (reading, error) {
	conn, err := g.cfg.Read(ctx)
	if err != nil {
		return reading{}, surface.Unable(err.Error())
	}
	observer, err := zone.Observe(ctx, zone.ObserveConfig{
		Fabric: g.cfg.Fabric, Conn: conn, Back: zone.PulseBack, Heartbeats: true, Approvals: true,
	})
	if err != nil {
		conn.Close()
		return reading{}, surface.Unable(err.Error())
	}
	if err := observer.Ready(ctx); err != nil {
		observer.Close()
		conn.Close()
		return reading{}, surface.Unable(err.Error())
	}
	return reading{conn, observer, zone.Relay(g.cfg.Fabric, conn, g.cfg.Logger)}, nil
}

// look answers a question about the ledger as it is now: the broker has just said
// where it ends, so that what was read is not of a connection that is gone.
func (g *Governing) look(w http.ResponseWriter, r *http.Request, answer func(ctx context.Context, from reading) (any, error)) error {
	from, done, err := g.reading.use(r.Context())
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	if _, err := from.conn.Last(ctx); err != nil {
		return surface.Unable(fmt.Sprintf("the ledger does not answer: %v", err))
	}
	told, err := answer(ctx, from)
	if err != nil {
		return unable(ctx, err)
	}
	return surface.JSON(w, told)
}

// unable tells a question that could not be answered in time from other faults.
func unable(ctx context.Context, err error) error {
	var problem *surface.Problem
	switch {
	case errors.As(err, &problem):
		return err
	case ctx.Err() != nil:
		return surface.Unable(fmt.Sprintf("the ledger does not answer in time: %v", err))
	default:
		return surface.Unable(err.Error())
	}
}
