package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// newLoadtestExecutorCommand is for load tests that run each role in a process of its own: they start it themselves.
func newLoadtestExecutorCommand(g *globals) *cobra.Command {
	var cost engine.Cost
	c := &cobra.Command{
		Use:    "executor NAME",
		Short:  "Run an executor whose actions do nothing but cost time",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE:   func(c *cobra.Command, args []string) error { return g.runLoadtestExecutor(c.Context(), args[0], cost) },
	}
	c.Flags().DurationVar(&cost.CPU, "cost-cpu", 0, "processor time of one action")
	c.Flags().DurationVar(&cost.Sleep, "cost-sleep", 0, "time that one action waits for something")
	return c
}

func (g *globals) runLoadtestExecutor(ctx context.Context, name string, cost engine.Cost) error {
	f, log, broker, err := g.openAt()
	if err != nil {
		return err
	}
	z, err := zone.Join(zone.Config{Fabric: f, Logger: log, Handlers: cost.Handlers, Tools: cost.Digest()}, broker)
	if err != nil {
		return err
	}
	defer z.Close()
	if err := z.Start(ctx, pb.Role_ROLE_EXECUTOR, name); err != nil {
		return orEnded(ctx, err)
	}
	if err := z.Ready(ctx); err != nil {
		return orEnded(ctx, err)
	}
	if err := g.ready("executor", name, broker.URL); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-z.Failed():
		return err
	}
}
