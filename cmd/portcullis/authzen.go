package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/portcullis-dev/portcullis/gateway/authzen"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/zone/pdp"
)

func newAuthZENCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "authzen",
		Short: "Answer questions as OpenID AuthZEN puts them",
		Long: `Serves the OpenID AuthZEN Authorization API 1.0: whoever enforces elsewhere asks
whether the release in force would allow something now. An answer authorises nothing at
an executor of Portcullis, and charges no limit.

  portcullis authzen serve
  portcullis authzen mapping      how clients' words are put into the release's`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAuthZENServeCommand(g), newAuthZENMappingCommand(g))
	return c
}

func newAuthZENServeCommand(g *globals) *cobra.Command {
	var access authzenAccess
	var words authzenWords
	var reasons, record bool
	var as string
	c := &cobra.Command{
		Use:   "serve [--listen ADDRESS]",
		Short: "Serve evaluations and searches over HTTP",
		Long: `Follows the ledger as an auditor or a governor of the data folder, and answers from
its newest record. While it cannot tell what holds now it answers status 503 to
everything: clients must deny then.

On this machine anybody may ask who uses this machine's own name. Any other address
demands TLS, and a bearer token or clients' certificates.

With --record each evaluation about the agent --as is an intent on the ledger too, which
asks for a decision only, and what a quorum of enforcers signs is the answer; all others
are denied. Searches are not recorded.

Runs until it is interrupted, and writes one line when it can do its work.

JSON: {"event":"ready","role":"authzen","server"}; server is the URL for clients`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if record != (as != "") {
				return usage(errors.New("--record and --as go together: evaluations are recorded as an agent of the data folder"))
			}
			cfg := authzen.Config{Mapping: words.mapping(), Reasons: reasons, As: as}
			return g.serveAuthZEN(c.Context(), &access, cfg)
		},
	}
	access.register(c)
	words.register(c)
	c.Flags().BoolVar(&reasons, "reasons", false, "say why in the context of decisions: who may ask may read it")
	c.Flags().BoolVar(&record, "record", false, "make each evaluation an intent on the ledger that asks for a decision only")
	c.Flags().StringVar(&as, "as", "", "the agent as which evaluations are recorded")
	return c
}

const (
	authzenHeaderWithin = 10 * time.Second // for a request's header to come
	authzenReadWithin   = 30 * time.Second // for all of a request
	authzenIdle         = 2 * time.Minute
)

func (g *globals) serveAuthZEN(ctx context.Context, access *authzenAccess, cfg authzen.Config) error {
	secured, err := access.read()
	if err != nil {
		return err
	}
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return orEnded(ctx, err)
	}
	defer conn.Close()
	if cfg.Logger, err = g.logger(); err != nil {
		return err
	}
	follower, err := pdp.New(pdp.Config{Conn: conn, Zone: f.Zone, Ledger: f.Ledger, Logger: cfg.Logger})
	if err != nil {
		return err
	}
	if cfg.As != "" {
		a, done, err := g.openAgent(ctx, f, cfg.As, cfg.Logger)
		if err != nil {
			return orEnded(ctx, err)
		}
		defer done()
		cfg.Recorder = &authzenRecorder{desk.NewChain(a)}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", access.listen)
	if err != nil {
		return fmt.Errorf("serving AuthZEN: %w; name another address with --listen", err)
	}
	cfg.Asker, cfg.Access, cfg.URL = follower, secured.access, access.reachedAt(access.url, listener.Addr())
	handler, err := authzen.New(cfg)
	if err != nil {
		return errors.Join(usage(err), listener.Close())
	}
	if secured.tls != nil {
		listener = tls.NewListener(listener, secured.tls)
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return follower.Run(ctx) })
	work.Go(func() error { return serveUntil(ctx, handler, listener, cfg.Logger) })
	work.Go(func() error {
		select {
		case <-follower.CaughtUp():
			return g.ready("authzen", "", cfg.URL)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return orEnded(ctx, work.Wait())
}

// serveUntil serves until ctx ends, and lets requests under way end.
func serveUntil(ctx context.Context, handler http.Handler, listener net.Listener, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: authzenHeaderWithin, ReadTimeout: authzenReadWithin, IdleTimeout: authzenIdle, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is no fault of this server
	}
	if err := serveHTTP(ctx, server, listener, func() error { return nil }); err != nil {
		return err
	}
	return ctx.Err()
}
