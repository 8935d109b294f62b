package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/flood"
)

// floodFlags are one run of floods.
type floodFlags struct {
	kinds  []string
	o      flood.Options
	rounds int
	limits limitFlags
}

func newLoadtestFloodCommand(g *globals) *cobra.Command {
	flags := &floodFlags{}
	c := &cobra.Command{
		Use:   "flood",
		Short: "Let one hostile agent flood a zone, and measure what the others notice",
		Long: fmt.Sprintf(`Makes a zone of its own, in which one enrolled agent sends all that it can, with a client of
its own, while the others ask at a modest rate. Each kind of flood is measured against the quiet right
before it: everybody must be answered, and the others' p99 must grow less than %.0f times. What other work of
the machine spoils is measured again, up to --rounds times; the best round counts.

Kinds: %s.

Exits with 10 if a flood was noticed more than that.

JSON: a line for each flood: {"event":"flood","kind","holds","ratio","quiet":{"asked","failed","p50","p99","max"},
"flood":{…}}; durations in nanoseconds`, flood.Bound, strings.Join(floodNames(), ", ")),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.loadFlood(c.Context(), flags) },
	}
	c.Flags().StringSliceVar(&flags.kinds, "kinds", floodNames(), "which floods, with commas")
	c.Flags().IntVar(&flags.o.Good, "agents", 4, "agents that are to notice nothing")
	c.Flags().Float64Var(&flags.o.Rate, "rate", 50, "actions that each of them asks for in a second")
	c.Flags().DurationVar(&flags.o.Span, "span", 2*time.Second, "how long each side of a comparison is measured")
	c.Flags().BoolVar(&flags.o.Relaxed, "relaxed", false, "acknowledge records before they are on the disk")
	c.Flags().IntVar(&flags.rounds, "rounds", 8, "how often a flood is measured, at most")
	flags.limits.register(c)
	return c
}

func floodNames() (names []string) {
	for _, k := range flood.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// chosen are the floods that the command line names.
func (flags *floodFlags) chosen() (kinds []flood.Kind, err error) {
	for _, name := range flags.kinds {
		all := flood.Kinds()
		i := slices.IndexFunc(all, func(k flood.Kind) bool { return k.Name == name })
		if i < 0 {
			return nil, usage(fmt.Errorf("--kinds: %q is none of %s", name, strings.Join(floodNames(), ", ")))
		}
		kinds = append(kinds, all[i])
	}
	if len(kinds) == 0 || flags.rounds < 1 {
		return nil, usage(errors.New("--kinds and --rounds: at least one"))
	}
	return kinds, nil
}

func (g *globals) loadFlood(ctx context.Context, flags *floodFlags) (err error) {
	log, err := g.logger()
	if err != nil {
		return err
	}
	g.quietStart() // what a flood drives a zone to is measured, not logged, unless it is asked for
	kinds, err := flags.chosen()
	if err != nil {
		return err
	}
	o := flags.o
	if o.Limits, err = flags.limits.read(); err != nil {
		return err
	}
	if o.Good < 1 || o.Rate <= 0 || o.Span <= 0 {
		return usage(errors.New("--agents, --rate and --span must be above zero"))
	}
	if o.Dir, err = os.MkdirTemp("", "portcullis-flood-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	o.Logger = log
	z, err := flood.Open(ctx, o)
	if err != nil {
		return orEnded(ctx, err)
	}
	defer z.Close()
	z.Measure(ctx) // the first answers are slower
	return g.floods(ctx, z, kinds, flags.rounds)
}

// floods lets one flood follow the other and tells each.
func (g *globals) floods(ctx context.Context, z *flood.Zone, kinds []flood.Kind, rounds int) error {
	var all []flood.Noticed
	holds := true
	for _, k := range kinds {
		g.tellProgress(k.Name + ": " + k.What)
		n, err := z.Least(ctx, k, rounds)
		if err != nil {
			return orEnded(ctx, err)
		}
		all, holds = append(all, n), holds && n.Holds()
		if !g.json {
			continue
		}
		if err := writeJSON(g.stdout, object{
			"event": "flood", "kind": k.Name, "holds": n.Holds(), "ratio": n.Ratio(), "quiet": latencyJSON(n.Quiet), "flood": latencyJSON(n.Flood),
		}); err != nil {
			return err
		}
	}
	if !g.json {
		if err := flood.WriteTable(g.stdout, all); err != nil {
			return err
		}
	}
	if !holds {
		return silent(exitFindings)
	}
	return nil
}

func latencyJSON(l flood.Latency) object {
	return object{"asked": l.Asked, "failed": l.Failed, "p50": l.P50, "p99": l.P99, "max": l.Max}
}
