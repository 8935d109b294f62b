package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/engine"
	"github.com/portcullis-dev/portcullis/loadtest/report"
	"github.com/portcullis-dev/portcullis/loadtest/result"
	"github.com/portcullis-dev/portcullis/loadtest/scenario"
)

// runFlags are those of a run, beside its load.
type runFlags struct {
	load     loadFlags
	scenario string
	json     string
	html     string
	keep     string
	profile  string
	limit    time.Duration
}

func newLoadtestRunCommand(g *globals) *cobra.Command {
	flags := &runFlags{}
	c := &cobra.Command{
		Use:   "run --scenario NAME",
		Short: "Run one scenario and report it",
		Long: `Makes a zone of its own, runs a scenario on it, exports the whole ledger, audits it, and
reports rates, latencies of every stage, what each role cost, and what the audit found.
Parameters that are not given are the scenario's: see portcullis loadtest list.

Exits with 10 if the audit found anything or the run did not keep what the scenario demands.
With --rate the load is an open loop: latencies count from the scheduled moment of sending.

JSON: one object, documented in docs/loadtest.md; --json-file writes the same to a file`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.loadtest(c.Context(), flags) },
	}
	flags.load.register(c)
	c.Flags().StringVar(&flags.scenario, "scenario", "", "which one")
	c.Flags().StringVar(&flags.json, "json-file", "", "file to write the result to, as JSON")
	c.Flags().StringVar(&flags.html, "html", "", "file to write the report to, as a page")
	c.Flags().StringVar(&flags.keep, "keep", "", "folder for the zone and the exported ledger (default a temporary one)")
	c.Flags().StringVar(&flags.profile, "profile", "", "folder for profiles of processor and memory, and a trace of the last seconds")
	c.Flags().DurationVar(&flags.limit, "p99-limit", 0, "with --profile: trace the first second whose p99 is above this, instead of the last seconds")
	_ = c.MarkFlagRequired("scenario") // it is there
	return c
}

func (g *globals) loadtest(ctx context.Context, flags *runFlags) (err error) {
	log, err := g.logger()
	if err != nil {
		return err
	}
	g.quietStart() // what a load drives a zone to is counted, not logged, unless it is asked for
	s, err := scenario.Find(flags.scenario)
	if err != nil {
		return usage(err)
	}
	params, err := flags.load.over(s.Params)
	if err != nil {
		return err
	}
	dir, done, err := flags.dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	r, err := engine.Run(ctx, s.Script(params), engine.Options{
		Dir: dir, Profile: flags.profile, Limit: flags.limit, Logger: log, Tell: g.tellProgress,
	})
	if err != nil {
		return orEnded(ctx, err)
	}
	if flags.keep == "" {
		r.Ledger.Export = ""
	}
	if err := g.tellResult(r, flags); err != nil {
		return err
	}
	if !r.Holds() {
		return silent(exitFindings)
	}
	return nil
}

// dir is the folder of the run; done removes it unless it is to be kept.
func (flags *runFlags) dir() (dir string, done func() error, err error) {
	nothing := func() error { return nil }
	if flags.keep == "" {
		dir, err = os.MkdirTemp("", "portcullis-loadtest-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	dir, err = filepath.Abs(flags.keep)
	if err != nil {
		return "", nothing, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return "", nothing, usage(fmt.Errorf("--keep %s is not empty; name a new folder", flags.keep))
	}
	return dir, nothing, nil
}

func (g *globals) tellProgress(what string) {
	if isTerminal(g.stderr) {
		fmt.Fprintf(g.stderr, "%s …\n", what)
	}
}

func (g *globals) tellResult(r *result.Result, flags *runFlags) error {
	var errs []error
	if flags.json != "" {
		errs = append(errs, toFile(flags.json, func(w io.Writer) error { return writeJSON(w, r) }))
	}
	if flags.html != "" {
		errs = append(errs, toFile(flags.html, func(w io.Writer) error { return report.HTML(w, r) }))
	}
	if g.json {
		return errors.Join(append(errs, writeJSON(g.stdout, r))...)
	}
	return errors.Join(append(errs, report.Text(g.stdout, r))...)
}

func toFile(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}
