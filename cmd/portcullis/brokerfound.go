package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/zone"
)

func newBrokerFoundCommand(g *globals) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "found",
		Short: "Make the streams on your servers and append the governance records",
		Long: `Makes the zone's streams, or verifies those that are there, and appends genesis
and every release that the ledger lacks. Safe to repeat. Needs the operator's
NKey and a governor's key in the data folder.

On three servers it waits for all of them the first time, and for two of them
later; one that is missing is named.

JSON: {"founded","server","servers","absent"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.brokerFound(c.Context(), wait) },
	}
	c.Flags().DurationVar(&wait, "wait", governWithin, "how long to wait for servers that are missing")
	return c
}

func (g *globals) brokerFound(ctx context.Context, wait time.Duration) error {
	f, log, broker, err := g.openAt()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	done, err := zone.FoundAt(ctx, f, broker, log)
	if err != nil {
		return orUnreachable(fmt.Errorf("founding the ledger at %s: %w", broker.URL, err))
	}
	absent := ""
	if len(done.Absent) > 0 {
		absent = fmt.Sprintf("  absent: %s; it goes on without, and has no server to spare\n", strings.Join(done.Absent, ", "))
	}
	return g.say(object{"founded": f.Ledger.String(), "server": broker.URL, "servers": done.Servers, "absent": append([]string{}, done.Absent...)},
		"The ledger %s stands at %s, on %s.\n%s", f.Ledger.Short(), broker.URL, strings.Join(done.Servers, ", "), absent)
}
