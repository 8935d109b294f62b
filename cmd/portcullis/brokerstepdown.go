package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/streams"
	"github.com/portcullis-dev/portcullis/zone"
)

// streamNames are what people call a zone's streams.
var streamNames = map[string]streams.Stream{"ledger": streams.Ledger, "heartbeats": streams.Heartbeats, "checkpoints": streams.Checkpoints}

func newBrokerStepDownCommand(g *globals) *cobra.Command {
	var names []string
	var leader string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "stepdown",
		Short: "Have the leaders of the zone's streams hand over to another server",
		Long: `Of three servers, one leads each stream: what is appended waits for its disk. Have it
step down before you stop it, or when its disk is slow: that takes a moment, where
a leader that dies costs seconds. Another server must be there that keeps a copy.

With --leader, only streams that this server leads are handed over: afterwards it
leads none. Servers are named ZONE-1 and so on; broker found tells their names.

It needs the operator's NKey in the data folder, and it waits until another leads.

JSON: a line for each stream, {"stream","from","to"}; the same server twice: nothing
had to change`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.brokerStepDown(c.Context(), names, leader, wait) },
	}
	c.Flags().StringSliceVar(&names, "stream", nil, "ledger, heartbeats or checkpoints, with commas (default all)")
	c.Flags().StringVar(&leader, "leader", "", "name of the one server that must not lead (default whoever leads)")
	c.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long to wait until others lead")
	return c
}

func (g *globals) brokerStepDown(ctx context.Context, names []string, leader string, wait time.Duration) error {
	all, err := streamsNamed(names)
	if err != nil {
		return usage(err)
	}
	f, log, broker, err := g.openAt()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return orUnreachable(zone.StepDown(ctx, f, broker, all, leader, log, g.sayHandover))
}

// streamsNamed is in the order of the streams, however they were named.
func streamsNamed(names []string) (all []streams.Stream, err error) {
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(streamNames))
	}
	for _, name := range names {
		s, ok := streamNames[name]
		if !ok {
			return nil, fmt.Errorf("--stream %q is none; ledger, heartbeats and checkpoints are", name)
		}
		all = append(all, s)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (g *globals) sayHandover(s streams.Stream, done streams.Handover) error {
	var name string
	for n, one := range streamNames {
		if one == s {
			name = n
		}
	}
	text := fmt.Sprintf("%-12s %s leads it, and stays\n", name, done.To)
	if done.From != done.To {
		text = fmt.Sprintf("%-12s %s leads it now, after %s\n", name, done.To, done.From)
	}
	return g.say(map[string]string{"stream": name, "from": done.From, "to": done.To}, "%s", text)
}
