package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/loadtest/fleet"
	"github.com/portcullis-dev/portcullis/loadtest/result"
)

// fleetFlags are one run of a fleet.
type fleetFlags struct {
	sizes         []int
	beaters       int
	perConnection int
	halts         int
	beat          time.Duration
	quiet         bool
	dir           string
	profile       string
	json, html    string
}

func newLoadtestFleetCommand(g *globals) *cobra.Command {
	flags := &fleetFlags{}
	c := &cobra.Command{
		Use:   "fleet --sizes N,N,…",
		Short: "Measure one broker under many executors",
		Long: `Simulates executors by the thousand on one broker: for each size, how long halts take until the
last follower has folded them, what a follower holds in memory, and how many heartbeats broker
and sentinel take. Followers verify and fold the ledger as executors do; they do not act.

Everything runs in this process, so each figure contains the work of all on this machine.
A sentinel pulses meanwhile, and every follower verifies every pulse; where that alone is more
than the machine can do, --quiet replaces them by bytes that no follower has to verify.

Exits with 10 if a follower missed a halt, or a heartbeat was not taken for authentic.

JSON: one object; --json-file writes the same to a file`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.loadFleet(c.Context(), flags) },
	}
	c.Flags().IntSliceVar(&flags.sizes, "sizes", []int{10, 100, 1000}, "numbers of followers, ascending")
	c.Flags().IntVar(&flags.beaters, "beaters", 0, "participants that beat, at most (default as many as followers)")
	c.Flags().IntVar(&flags.perConnection, "per-connection", 1, "followers on one connection")
	c.Flags().IntVar(&flags.halts, "halts", 0, "halts at each size (default 20)")
	c.Flags().DurationVar(&flags.beat, "beat", 0, "how long everybody beats (default 3s)")
	c.Flags().BoolVar(&flags.quiet, "quiet", false, "instead of pulses, bytes that nobody has to verify")
	c.Flags().StringVar(&flags.dir, "dir", "", "folder to work in, best one in memory (default a temporary one)")
	c.Flags().StringVar(&flags.profile, "profile", "", "folder for a heap profile of each size")
	c.Flags().StringVar(&flags.json, "json-file", "", "file to write the result to, as JSON")
	c.Flags().StringVar(&flags.html, "html", "", "file to write the report to, as a page")
	return c
}

func (g *globals) loadFleet(ctx context.Context, flags *fleetFlags) (err error) {
	log, err := g.logger()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(flags.dir, "portcullis-fleet-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := fleet.Config{
		Sizes: flags.sizes, Beaters: flags.beaters, PerConnection: flags.perConnection, Halts: flags.halts, Beat: flags.beat, Quiet: flags.quiet,
		Dir: dir, Logger: log, Machine: thisMachine(), Profiles: flags.profile,
	}
	if isTerminal(g.stderr) {
		cfg.News = g.stderr
	}
	if err := cfg.Check(); err != nil {
		return usage(err)
	}
	r, err := fleet.Run(ctx, cfg)
	if err != nil {
		return orEnded(ctx, err)
	}
	if err := g.tellFleet(r, flags); err != nil {
		return err
	}
	if !r.Holds() {
		return silent(exitFindings)
	}
	return nil
}

func (g *globals) tellFleet(r *fleet.Result, flags *fleetFlags) error {
	var errs []error
	if flags.json != "" {
		errs = append(errs, toFile(flags.json, func(w io.Writer) error { return writeJSON(w, r) }))
	}
	if flags.html != "" {
		errs = append(errs, toFile(flags.html, func(w io.Writer) error { return fleet.HTML(w, r) }))
	}
	if g.json {
		return errors.Join(append(errs, writeJSON(g.stdout, r))...)
	}
	return errors.Join(append(errs, fleet.Text(g.stdout, r))...)
}

// thisMachine is as much of where it runs as the runtime tells.
func thisMachine() result.Machine {
	m := result.Machine{Processors: runtime.GOMAXPROCS(0), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if build, err := fabric.BuildDigest(); err == nil {
		m.Build = build.String()
	}
	return m
}
