package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	coreaudit "github.com/portcullis-dev/portcullis/core/audit"
	"github.com/portcullis-dev/portcullis/core/lineage"
	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
)

type auditFlags struct {
	anchor     string
	checkpoint string
	allowRange bool
	format     string
	quiet      bool
}

// auditFormats are what --format may be.
var auditFormats = []string{"text", "json", "ocsf"}

func newAuditCommand(g *globals) *cobra.Command {
	flags := auditFlags{}
	c := &cobra.Command{
		Use:   "audit FILE|DIR|- --anchor DIGEST|FILE",
		Short: "Check an exported ledger, offline: every verdict, signature, claim and outcome",
		Long: `Replays an export, or an archive, from genesis: derives every verdict again and
compares it with the recorded ones byte for byte, checks every signature, chain, claim,
pulse and outcome, gives every intent its final state, and holds the records against
the checkpoints beside them. No broker and no key is needed. Exits with 10 if anything
is found, and with 0 only after an audit from genesis on: of a range no verdict can be
derived again, so it is a finding (export.range) unless --allow-range accepts it.

Where arguments are sealed, a file or an archive is read twice, so that all verdicts
but those on sealed intents are derived. A pipe is read once.

The anchor is the digest of the ledger's genesis, or a file that holds it; by default
that of the data folder. It is never taken from what is audited: whoever made that
could have made another ledger. --checkpoint adds a signed checkpoint that you have
from elsewhere, a witness perhaps: records that are missing at the end are found so.

JSON: one report, documented in docs/evidence.md; --json is --format json. --format ocsf: one OCSF 1.5 event a line`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.audit(c.Context(), args[0], flags) },
	}
	c.Flags().StringVar(&flags.anchor, "anchor", "", "digest of genesis, or a file that holds it (default the data folder's)")
	c.Flags().StringVar(&flags.checkpoint, "checkpoint", "", "file with a signed checkpoint from elsewhere")
	c.Flags().BoolVar(&flags.allowRange, "allow-range", false, "accept a range, of which less can be judged")
	c.Flags().StringVar(&flags.format, "format", "", "text, json or ocsf (default text)")
	c.Flags().BoolVar(&flags.quiet, "quiet", false, "write nothing; the exit code tells")
	return c
}

func (g *globals) audit(ctx context.Context, what string, flags auditFlags) error {
	if err := flags.settle(g.json); err != nil {
		return err
	}
	anchor, err := g.anchorOf(flags.anchor)
	if err != nil {
		return err
	}
	source, size, err := openSource(what)
	if err != nil {
		return err
	}
	if flags.checkpoint != "" {
		if source, err = withCheckpoint(source, flags.checkpoint); err != nil {
			return err
		}
	}
	bar := g.progressBar(size, flags.quiet)
	report, err := evidence.Audit(ctx, source, evidence.AuditConfig{Anchor: anchor, AllowRange: flags.allowRange, Progress: bar.tell})
	bar.clear()
	if err != nil {
		return err
	}
	if err := g.tellAudit(report, flags); err != nil {
		return err
	}
	if !report.Clean() {
		return silent(exitFindings)
	}
	return nil
}

// settle fills in the format.
func (flags *auditFlags) settle(json bool) error {
	if json {
		if flags.format != "" && flags.format != "json" {
			return usage(fmt.Errorf("--json and --format %s are two formats; give one", flags.format))
		}
		flags.format = "json"
	}
	if flags.format == "" {
		flags.format = "text"
	}
	if !slices.Contains(auditFormats, flags.format) {
		return usage(fmt.Errorf("--format %q is unknown; give one of %s", flags.format, strings.Join(auditFormats, ", ")))
	}
	return nil
}

func (g *globals) tellAudit(r *coreaudit.Report, flags auditFlags) error {
	if flags.quiet {
		return nil
	}
	switch flags.format {
	case "json":
		return writeJSON(g.stdout, r)
	case "ocsf":
		version := "unknown"
		if info, ok := debug.ReadBuildInfo(); ok {
			version = info.Main.Version
		}
		return evidence.OCSF(g.stdout, r, time.Now(), version)
	default:
		_, err := io.WriteString(g.stdout, evidence.Text(r))
		return err
	}
}

// anchorOf reads an anchor: a digest, or a file that holds one, or that of the
// data folder.
func (g *globals) anchorOf(text string) (trust.Digest, error) {
	if text == "" {
		f, err := g.fabric()
		if err != nil {
			return trust.Digest{}, usage(errors.Join(evidence.ErrAnchor, err))
		}
		return f.Ledger, nil
	}
	if anchor, err := trust.ParseDigest(text); err == nil {
		return anchor, nil
	}
	f, err := os.Open(text)
	if err != nil {
		return trust.Digest{}, usage(fmt.Errorf("--anchor %.80q is neither 64 hexadecimal digits nor a file that can be read: %w", text, err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return trust.Digest{}, fmt.Errorf("--anchor: %w", err)
	}
	anchor, err := trust.ParseDigest(strings.TrimSpace(string(data)))
	if err != nil {
		return trust.Digest{}, usage(fmt.Errorf("--anchor: %s does not hold 64 hexadecimal digits and nothing else", text))
	}
	return anchor, nil
}

// openSource opens an export, an archive or standard input. Size is in bytes, 0
// if it is not known.
func openSource(what string) (source evidence.Source, size int64, err error) {
	if what == "-" {
		stream, err := evidence.NewReader(os.Stdin)
		return stream, 0, err
	}
	kept, err := evidence.Open(what)
	if err != nil {
		return nil, 0, err
	}
	return kept, kept.Size(), nil
}

func withCheckpoint(source evidence.Source, path string) (evidence.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	signed, err := io.ReadAll(io.LimitReader(f, lineage.MaxNote+1))
	if err != nil {
		return nil, fmt.Errorf("--checkpoint: %w", err)
	}
	source, err = evidence.WithCheckpoint(source, signed)
	if err != nil {
		err = usage(fmt.Errorf("--checkpoint %s: %w", path, err))
	}
	return source, err
}
