package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/streams"
)

func newBrokerRunCommand(g *globals) *cobra.Command {
	var limits limitFlags
	c := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a server on a configuration that broker config has written",
		Long: `Runs a NATS server on a configuration file until it is interrupted. The file must be
this user's alone, and a configuration of portcullis broker config: others would let
in people whom no table of rights binds. SIGHUP puts the file in force as it is then.
It needs no data folder. It says that it is ready when it takes connections; of a
cluster, that says nothing about the other servers. Each agent sends no faster than its
limits say, on all its connections together; it waits, and nothing is lost.

JSON: {"event":"ready","role":"broker","name","server"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.brokerRun(c.Context(), args[0], &limits) },
	}
	limits.register(c)
	return c
}

func (g *globals) brokerRun(ctx context.Context, path string, flags *limitFlags) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	limits, err := flags.read()
	if err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1)
	unlisten := notifyReload(hangups)
	defer unlisten()
	reload := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			select {
			case <-ctx.Done():
				return
			case reload <- struct{}{}:
			}
		}
	}()
	return streams.RunServer(ctx, streams.RunConfig{
		Logger: log, Reload: reload, Limits: limits,
		Text: func() (string, error) {
			text, err := fabric.ReadSecret(path)
			return string(text), err
		},
		Ready: func(name, url string) error { return g.ready("broker", name, url) },
	})
}
