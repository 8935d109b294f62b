package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/web"
)

func newMCPHTTPCommand(g *globals) *cobra.Command {
	var flags gatewayFlags
	var listen string
	var cfg web.Config
	c := &cobra.Command{
		Use:   "http --name NAME --as AGENT --executor EXECUTOR --upstream URL",
		Short: "A gateway before a server that speaks over HTTP",
		Long: `Serves MCP's Streamable HTTP at the path of the upstream's URL, and stands between
clients and that server. Headers pass, a client's own Authorization too. Only names and
web origins of this machine may call, unless others are named.

Runs until it is interrupted, and writes one line when it can do its work.

JSON: {"event":"ready","role":"mcp","name","server"}; server is the URL for clients`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return g.withGateway(c.Context(), &flags, func(ctx context.Context, gateway *mcp.Gateway, log *slog.Logger) error {
				cfg.Gateway, cfg.Logger = gateway, log
				return g.serveMCP(ctx, cfg, listen, flags.server)
			})
		},
	}
	flags.register(g, c)
	c.Flags().StringVar(&cfg.Upstream, "upstream", "", "URL of the server's endpoint")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:4295", "serve clients at this address")
	c.Flags().StringArrayVar(&cfg.Hosts, "host", nil, "a name by which clients may reach this besides the machine's own (repeatable)")
	c.Flags().StringArrayVar(&cfg.Origins, "origin", nil, "a web origin whose pages may call (repeatable)")
	required(c, "upstream")
	return c
}

const (
	mcpHeaderWithin = 10 * time.Second
)

func (g *globals) serveMCP(ctx context.Context, cfg web.Config, listen, name string) error {
	endpoint, err := web.New(cfg)
	if err != nil {
		return usage(err)
	}
	defer endpoint.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("serving MCP: %w; name another address with --listen", err)
	}
	server := &http.Server{Handler: endpoint, ReadHeaderTimeout: mcpHeaderWithin, MaxHeaderBytes: 64 << 10}
	return serveHTTP(ctx, server, listener, func() error {
		return g.ready("mcp", name, "http://"+listener.Addr().String()+endpoint.Path())
	})
}
