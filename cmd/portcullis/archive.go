package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/zone"
)

func newArchiveCommand(g *globals) *cobra.Command {
	flags := zone.ArchiveConfig{}
	c := &cobra.Command{
		Use:   "archive --to DIR",
		Short: "Keep the ledger in a folder, in segments that never change",
		Long: `Adds what an archive lacks: the ledger's newer records, as segments that are written
once, and the newest signed checkpoint. Run it again and again; the folder can be a
bucket of an object store. portcullis audit DIR checks it from there, offline.

The archive of a ledger is below DIR, in <trust domain>/<zone>/<ledger>. If the ledger
no longer has what was archived, nothing is changed and the command says so: then the
archive is evidence.

--tiles copies the recorder's tiles too, after making sure that they follow from their
entries and that the checkpoint beside them signs for them.

JSON: {"event":"archived","dir","added":[{"name","first","last","bytes","sha256"}],"last","covered","unread","lost","tiles"}; "tiles"
is the size of the tree whose tiles were copied`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.archive(c.Context(), flags) },
	}
	c.Flags().StringVar(&flags.Root, "to", "", "folder of archives")
	c.Flags().Uint64Var(&flags.Segment, "segment", 100_000, "most records of a segment")
	c.Flags().StringVar(&flags.Tiles, "tiles", "", "folder of the recorder's tiles to copy")
	registerWait(c, &flags.Wait)
	required(c, "to")
	return c
}

func (g *globals) archive(ctx context.Context, flags zone.ArchiveConfig) error {
	if flags.Segment == 0 {
		return usage(errors.New("--segment 0: a segment has at least one record"))
	}
	if err := checkWait(flags.Wait); err != nil {
		return err
	}
	x, err := g.exporter(ctx)
	if err != nil {
		return err
	}
	defer x.Close()
	done, err := x.Archive(ctx, flags)
	if err != nil {
		return err
	}
	if g.json {
		return writeJSON(g.stdout, map[string]any{
			"event": "archived", "dir": done.Archive.Dir(), "added": append([]evidence.ArchivedSegment{}, done.Segments...),
			"last": done.Archive.Last(), "covered": done.Export.Covered, "unread": done.Export.Unread, "lost": done.Export.Lost, "tiles": done.Tiles,
		})
	}
	for _, s := range done.Segments {
		fmt.Fprintf(g.stdout, "added %s, %d bytes, sha256 %s\n", s.Name, s.Bytes, s.SHA256)
	}
	fmt.Fprintf(g.stdout, "archived to position %d in %s\n  checkpoint  %s\n", done.Archive.Last(), done.Archive.Dir(), coveredWord(done.Export))
	if done.Tiles > 0 {
		fmt.Fprintf(g.stdout, "  tiles       of %d records\n", done.Tiles)
	}
	return nil
}
