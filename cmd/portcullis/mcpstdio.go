package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/gateway/mcp"
	"github.com/portcullis-dev/portcullis/gateway/mcp/stdio"
)

func newMCPStdioCommand(g *globals) *cobra.Command {
	var flags gatewayFlags
	c := &cobra.Command{
		Use:   "stdio --name NAME --as AGENT --executor EXECUTOR -- COMMAND [ARGUMENT …]",
		Short: "A gateway before a server that speaks over standard input and output",
		Long: `Starts the server's command and stands between it and whoever started this one.
Put this command where the server's own command stands in the platform's settings.
Standard output belongs to the protocol; logs, and what the server writes on standard
error, go to standard error. Without the ledger it does not start; if the ledger goes
away later, calls are refused.

JSON: none of its own: standard output is MCP`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.withGateway(c.Context(), &flags, func(ctx context.Context, gateway *mcp.Gateway, log *slog.Logger) error {
				return g.serveStdio(ctx, gateway, args, log)
			})
		},
	}
	flags.register(g, c)
	return c
}

func (g *globals) serveStdio(ctx context.Context, gateway *mcp.Gateway, command []string, log *slog.Logger) error {
	session, err := gateway.NewSession()
	if err != nil {
		return err
	}
	// The server outlives ctx a little: it is ended when its calls have been.
	server, err := stdio.Start(context.WithoutCancel(ctx), g.stderr, command...)
	if err != nil {
		return err
	}
	return errors.Join(stdio.Run(ctx, stdio.Config{In: os.Stdin, Out: g.stdout, Server: server, Session: session, Logger: log}), server.Close())
}
