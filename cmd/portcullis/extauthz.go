package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/extauthz"
	"github.com/portcullis-dev/portcullis/gateway/proxy"
	"github.com/portcullis-dev/portcullis/gateway/proxy/forward"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

func newExtAuthzCommand(g *globals) *cobra.Command {
	var routes routeFlags
	var asking askFlags
	var listen string
	c := &cobra.Command{
		Use:   "extauthz --name NAME --as AGENT --executor EXECUTOR (--map FILE | --openapi FILE)",
		Short: "Tell an Envoy which requests it may forward (ext_authz)",
		Long: `Serves envoy.service.auth.v3.Authorization over gRPC. Each request that Envoy asks
about becomes an intent, by the same routes as portcullis proxy has. The outcome
EXECUTED means that Envoy was told to forward; what came of it, Portcullis does not see.
Set failure_mode_allow: false in Envoy, or it forwards while Portcullis is down.

Runs until it is interrupted, and writes one line when it can do its work.

JSON: {"event":"ready","role":"extauthz","name","server"}; server is the address for Envoy`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.runExtAuthz(c.Context(), routes, asking, listen) },
	}
	routes.register(c)
	asking.register(c)
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:4298", "serve Envoy at this address of this machine")
	return c
}

func (g *globals) runExtAuthz(ctx context.Context, routes routeFlags, asking askFlags, listen string) error {
	table, err := routes.table(g.stderr)
	if err != nil {
		return err
	}
	if !forward.Loopback(listen) {
		return usage(fmt.Errorf("--listen %s can be reached from other machines, and whoever reaches it is the agent; listen at 127.0.0.1, beside Envoy", listen))
	}
	parts := gatewayParts{agent: asking.as, executor: asking.executor, config: heartbeat.Digest("extauthz", table.Name(), table.Digest().String())}
	return g.withDesk(ctx, parts, func(ctx context.Context, _ *fabric.Fabric, d *desk.Desk, a *agent.Agent, log *slog.Logger) error {
		gateway, err := proxy.New(proxy.Config{Agent: a, Desk: d, Timeout: asking.timeout})
		if err != nil {
			return err
		}
		service, err := extauthz.New(extauthz.Config{Gateway: gateway, Table: table, Logger: log})
		if err != nil {
			return err
		}
		return g.serveGRPC(ctx, service.GRPC(), listen, table.Name())
	})
}

func (g *globals) serveGRPC(ctx context.Context, server *grpc.Server, listen, name string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("serving ext_authz: %w; name another address with --listen", err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := g.ready("extauthz", name, listener.Addr().String()); err != nil {
		server.Stop()
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		server.Stop() // who waits is refused by Envoy
		return <-served
	}
}
