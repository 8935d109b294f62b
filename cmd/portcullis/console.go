package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/history"
	"github.com/portcullis-dev/portcullis/dashboards"
	"github.com/portcullis-dev/portcullis/dashboards/live"
	"github.com/portcullis-dev/portcullis/dashboards/surface"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

func newConsoleCommand(g *globals) *cobra.Command {
	var flags consoleAccess
	c := &cobra.Command{
		Use:   "console [--listen ADDRESS]",
		Short: "Serve the web console: governance, proofs, health, lineage, and a demonstration",
		Long: `Serves the web console of a zone. It follows the ledger as an auditor or a governor of
the data folder and owns no truth; it has no signing key. What people do in it they sign
in their browser, or with this program.

It serves this machine only, by this machine's own names, unless people log in over TLS:
at an OpenID provider (--oidc-issuer), or by client certificate (--client-ca). Each has
the role that --role gives; who has none is refused. A role is worth nothing on the
ledger: what changes a zone, governors sign.

Runs until it is interrupted, and writes one line when it serves.

JSON: {"event":"ready","role":"console","server"}; server is the URL for browsers`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.serveConsole(c.Context(), &flags) },
	}
	flags.register(c)
	c.Flags().IntVar(&flags.remember, "remember", history.DefaultIntents, "how many intents the lineage explorer may hold in memory")
	return c
}

// consoleAddress is where a console serves unless it is told otherwise.
const consoleAddress = "127.0.0.1:4290"

func (g *globals) serveConsole(ctx context.Context, flags *consoleAccess) error {
	f, log, broker, err := g.openAt()
	if err != nil {
		return err
	}
	if flags.remember < 1 {
		return usage(errors.New("--remember must be 1 or more"))
	}
	if g.logLevel == "" {
		g.level.Set(slog.LevelInfo) // who came in, and who did what, is logged
	}
	door, err := flags.open(log)
	if err != nil {
		return err
	}
	parts := &consoleParts{f: f, broker: broker, log: log, access: door.access, remember: flags.remember}
	defer parts.close()
	handler, err := parts.handler()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", flags.listen)
	if err != nil {
		return fmt.Errorf("serving the console: %w; name another address with --listen", err)
	}
	return orEnded(ctx, serveHTTP(ctx, consoleServer(ctx, handler, log), door.listener(listener), func() error {
		return g.ready("console", "", flags.reachedAt(flags.url, listener.Addr()))
	}))
}

const (
	consoleHeaderWithin = 10 * time.Second
	consoleReadWithin   = 30 * time.Second
	consoleIdle         = 2 * time.Minute
)

// consoleServer ends streams of events when ctx does.
func consoleServer(ctx context.Context, handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: consoleHeaderWithin, ReadTimeout: consoleReadWithin, IdleTimeout: consoleIdle, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is no fault of this server
	}
}

// consoleParts are the surfaces of one console, and what they read from.
type consoleParts struct {
	f      *fabric.Fabric
	broker zone.Broker
	log    *slog.Logger
	access surface.Access
	routes []surface.Route // of all surfaces, when handler has made them

	remember int // intents

	closers []func() // last first
}

func (p *consoleParts) close() {
	for _, end := range slices.Backward(p.closers) {
		end()
	}
}

// handler makes the surfaces. They connect when somebody first looks.
func (p *consoleParts) handler() (http.Handler, error) {
	health, err := p.vitals()
	if err != nil {
		return nil, err
	}
	status := live.New(live.Config{Open: p.observe, More: health.More})
	p.closers = append(p.closers, status.Close)
	p.routes = slices.Concat(status.Routes(), health.Routes(), p.governing(), p.lineageRoutes(), p.demo(), p.proofs())
	return dashboards.New(dashboards.Config{
		Access: p.access, Routes: p.routes, Logger: p.log,
		About: dashboards.About{
			TrustDomain: p.f.TrustDomain, Zone: p.f.Zone, Ledger: p.f.Ledger.String(), Version: version(),
			Surfaces: []string{"demo", "governance", "proofs", "health", "lineage"},
		},
	})
}

// reader connects as somebody who may read the ledger.
func (p *consoleParts) reader(ctx context.Context) (*streams.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := zone.ConnectReader(ctx, p.f, p.broker, p.log)
	if err != nil && ctx.Err() != nil {
		err = unreachable(err)
	}
	return conn, err
}

// observed closes an observer's connection with it.
type observed struct {
	*zone.Observer
	conn *streams.Conn
}

func (o observed) Close() {
	o.Observer.Close()
	o.conn.Close()
}

func (p *consoleParts) observe(ctx context.Context) (live.Observer, error) {
	conn, err := p.reader(ctx)
	if err != nil {
		return nil, err
	}
	observer, err := zone.Observe(ctx, zone.ObserveConfig{Fabric: p.f, Conn: conn, Back: zone.PulseBack, Heartbeats: true, Approvals: true})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return observed{observer, conn}, nil
}
