package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/agent"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/gateway/desk"
	"github.com/portcullis-dev/portcullis/gateway/local"
	"github.com/portcullis-dev/portcullis/streams/heartbeat"
)

func newHookServeCommand(g *globals) *cobra.Command {
	var parts gatewayParts
	var service serviceFlag
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "serve --as AGENT --executor EXECUTOR",
		Short: "Serve the permits that hooks and portcullis exec ask for",
		Long: `Runs an agent and its executor, and serves this user's processes at a socket in the
data folder. What they ask for becomes intents of the agent; they act on its permits,
and report.

Runs until it is interrupted, and writes one line when it can do its work. Then what
still runs by portcullis exec is ended.

JSON: {"event":"ready","role":"hook","name","server"}; server is the socket`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return usage(errors.New("--timeout must be more than nothing; give for example 50s"))
			}
			socket, err := service.socket(g)
			if err != nil {
				return err
			}
			parts.config = heartbeat.Digest("hook", service.name)
			return g.withDesk(c.Context(), parts, func(ctx context.Context, _ *fabric.Fabric, d *desk.Desk, a *agent.Agent, log *slog.Logger) error {
				cfg := local.Config{Agent: a, Desk: d, Logger: log, Timeout: timeout}
				return g.serveLocal(ctx, cfg, socket, service.name)
			})
		},
	}
	service.register(c)
	c.Flags().StringVar(&parts.agent, "as", "", "the agent whose acts these are")
	c.Flags().StringVar(&parts.executor, "executor", "", "the executor that this service runs; no other process may run it")
	c.Flags().DurationVar(&timeout, "timeout", local.DefaultTimeout, "from a question to the deadline, by which the act must have ended; a release bounds it by max_deadline")
	required(c, "as", "executor")
	return c
}

func (g *globals) serveLocal(ctx context.Context, cfg local.Config, socket, name string) error {
	server, err := local.NewServer(cfg)
	if err != nil {
		return err
	}
	listener, err := local.Listen(ctx, socket)
	if err != nil {
		return err
	}
	if err := g.ready("hook", name, socket); err != nil {
		return errors.Join(err, listener.Close())
	}
	return server.Serve(ctx, listener)
}
