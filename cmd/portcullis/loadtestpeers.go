package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/loadtest/peers"
)

// peersFlags are one comparison with peers.
type peersFlags struct {
	programs string
	skip     string
	policies []int
	under    []int
	each     time.Duration
	dir      string
	markdown string
	json     string
	html     string
}

func newLoadtestPeersCommand(g *globals) *cobra.Command {
	flags := &peersFlags{}
	c := &cobra.Command{
		Use:   "peers (--programs DIR | --skip-external REASON)",
		Short: "Measure decisions and flows beside OPA, Cerbos and bare NATS, in one run",
		Long: `Gives the same decisions to an OPA server, to a Cerbos server, to our own core behind the same
HTTP, and to a zone that signs, orders and stores them; and the same four records to bare NATS and
to a whole zone. An engine that gives one wrong verdict, before or under load, ends the run, as does
a zone whose audit finds anything: so no figure comes without its correctness.

The programs are built by make peers-tools. Without them --skip-external says why, and what was
skipped is reported. --markdown puts the result between two marks of a document: everything
else in it stays as it is.

JSON: one object; --json-file writes the same to a file`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.loadPeers(c.Context(), flags) },
	}
	c.Flags().StringVar(&flags.programs, "programs", "", "folder with the programs opa and cerbos")
	c.Flags().StringVar(&flags.skip, "skip-external", "", "measure neither OPA nor Cerbos, for this reason")
	c.Flags().IntSliceVar(&flags.policies, "policies", []int{1, 100, 1000, 10000}, "numbers of policies")
	c.Flags().IntSliceVar(&flags.under, "outstanding", []int{1, 64, 256}, "numbers of questions without an answer")
	c.Flags().DurationVar(&flags.each, "for", 3*time.Second, "how long each figure is measured")
	c.Flags().StringVar(&flags.dir, "dir", "", "folder to work in (default a temporary one)")
	c.Flags().StringVar(&flags.markdown, "markdown", "", "document to put the result into")
	c.Flags().StringVar(&flags.json, "json-file", "", "file to write the result to, as JSON")
	c.Flags().StringVar(&flags.html, "html", "", "file to write the report to, as a page")
	return c
}

func (g *globals) loadPeers(ctx context.Context, flags *peersFlags) (err error) {
	g.quietStart()
	programs, err := flags.find()
	if err != nil {
		return usage(err)
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(flags.dir, "portcullis-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := peers.Config{
		Programs: programs, Executable: executable, Policies: flags.policies, Outstanding: flags.under, For: flags.each, Dir: dir, News: g.tellProgress,
	}
	if err := cfg.Check(); err != nil {
		return usage(err)
	}
	r, err := peers.Run(ctx, cfg)
	if err != nil {
		return orEnded(ctx, err)
	}
	if err := g.tellPeers(r, flags); err != nil {
		return err
	}
	if !r.Holds() {
		return silent(exitFindings)
	}
	return nil
}

// find finds the peers' programs, or says why there is none.
func (flags *peersFlags) find() ([]peers.Program, error) {
	reason := strings.TrimSpace(flags.skip)
	switch {
	case (flags.programs == "") == (reason == ""):
		return nil, errors.New("say either --programs DIR (make peers-tools builds them), or --skip-external with a reason")
	case reason != "":
		return peers.Skip(reason), nil
	default:
		return peers.Programs(flags.programs)
	}
}

func (g *globals) tellPeers(r *peers.Result, flags *peersFlags) error {
	var errs []error
	if flags.json != "" {
		errs = append(errs, toFile(flags.json, func(w io.Writer) error { return writeJSON(w, r) }))
	}
	if flags.html != "" {
		errs = append(errs, toFile(flags.html, func(w io.Writer) error { return peers.HTML(w, r) }))
	}
	if flags.markdown != "" {
		errs = append(errs, insertPeers(flags.markdown, r))
	}
	if g.json {
		return errors.Join(append(errs, writeJSON(g.stdout, r))...)
	}
	return errors.Join(append(errs, peers.Text(g.stdout, r))...)
}

// insertPeers rewrites a document with the result in its place.
func insertPeers(path string, r *peers.Result) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := peers.Insert(before, r)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, after, info.Mode().Perm())
}
