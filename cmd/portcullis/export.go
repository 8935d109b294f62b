package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/zone"
)

type exportFlags struct {
	zone.ExportConfig
	out string
}

func newExportCommand(g *globals) *cobra.Command {
	flags := exportFlags{}
	c := &cobra.Command{
		Use:   "export -o FILE [--from POSITION] [--to POSITION]",
		Short: "Write the ledger into one file that anybody can audit",
		Long: `Writes the ledger, or a range of it, into one file: every record as stored, noise too,
and the newest signed checkpoint over them. portcullis audit checks it, anywhere and
offline. The format is documented in docs/evidence.md.

A range that does not begin at 1 has the governance records and credentials before it
too: without genesis no verdict can be derived again, everything else can be checked.

-o - writes to standard output, for a pipe to a compressor. A file appears whole or
not at all, and none is overwritten.

JSON: {"event":"exported","file","extent","first","last","records","bytes","sha256","covered","unread","lost"}; "covered" is how
many records a checkpoint in it covers, "unread" says why none was looked for, "lost" is the size of a tree that a recorder
signed and the ledger no longer has`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.export(c.Context(), flags) },
	}
	c.Flags().Uint64Var(&flags.From, "from", 1, "first position")
	c.Flags().Uint64Var(&flags.To, "to", 0, "last position (default the newest)")
	c.Flags().StringVarP(&flags.out, "output", "o", "", "file to write, - for standard output")
	registerWait(c, &flags.Wait)
	required(c, "output")
	return c
}

// registerWait adds --wait, for a checkpoint.
func registerWait(c *cobra.Command, wait *time.Duration) {
	c.Flags().DurationVar(wait, "wait", 3*time.Second, "how long to wait for a checkpoint over the newest record")
}

func checkWait(wait time.Duration) error {
	if wait < 0 {
		return usage(errors.New("--wait cannot be negative"))
	}
	return nil
}

func (g *globals) export(ctx context.Context, flags exportFlags) error {
	if flags.From == 0 || flags.To > 0 && flags.To < flags.From {
		return usage(fmt.Errorf("--from %d --to %d is no range; positions start at 1", flags.From, flags.To))
	}
	if err := checkWait(flags.Wait); err != nil {
		return err
	}
	x, err := g.exporter(ctx)
	if err != nil {
		return err
	}
	defer x.Close()
	e, err := x.Export(ctx, flags.ExportConfig)
	if err != nil {
		return err
	}
	var w evidence.Written
	to := g.stdout
	if flags.out == "-" {
		w, err = evidence.Write(g.stdout, e.Header, e.Frames)
		to = g.stderr
	} else {
		w, err = evidence.WriteFile(flags.out, e.Header, e.Frames)
	}
	if err != nil {
		return err
	}
	return g.tellExport(to, flags.out, e, w)
}

// exporter connects as somebody who may read the ledger.
func (g *globals) exporter(ctx context.Context) (*zone.Exporter, error) {
	f, log, broker, err := g.openAt()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	x, err := zone.ConnectExporter(ctx, f, broker, log)
	return x, orUnreachable(err)
}

func (g *globals) tellExport(to io.Writer, file string, e *zone.Export, w evidence.Written) error {
	if g.json {
		return writeJSON(to, map[string]any{
			"event": "exported", "file": file, "extent": e.Header.Extent.String(), "first": e.Header.First, "last": w.Last,
			"records": w.Records, "bytes": w.Bytes, "sha256": w.SHA256.String(), "covered": e.Covered, "unread": e.Unread, "lost": e.Lost,
		})
	}
	fmt.Fprintf(to, "exported positions %d to %d (%s), %d bytes, to %s\n", e.Header.First, w.Last, e.Header.Extent, w.Bytes, file)
	fmt.Fprintf(to, "  ledger      %s\n  sha256      %s\n  checkpoint  %s\n", e.Header.Ledger, w.SHA256, coveredWord(e))
	return nil
}

// coveredWord says what of an export a checkpoint covers.
func coveredWord(e *zone.Export) string {
	switch {
	case e.Lost > 0:
		return fmt.Sprintf("over %d records, more than the ledger has: records were lost; it is in the file, as evidence", e.Lost)
	case e.Unread != "":
		return "none: " + e.Unread
	case e.Covered == 0:
		return "none: no recorder has signed one that fits"
	case e.Seal > 0 && e.Seal <= e.Covered && e.Covered < e.Last:
		return fmt.Sprintf("over the first %d records, and the seal at position %d is among them; what follows changes nothing any more", e.Covered, e.Seal)
	case e.Covered < e.Last:
		return fmt.Sprintf("over the first %d records; what follows is not covered yet", e.Covered)
	}
	return fmt.Sprintf("over all %d records", e.Covered)
}
