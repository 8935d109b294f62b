package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/evidence"
	"github.com/portcullis-dev/portcullis/zone"
)

// exportFile says that a question is about a ledger in a file, and which one that
// must be. The zero value asks a live ledger.
type exportFile struct {
	path   string
	anchor string
}

// flagSet is where flags are registered.
type flagSet interface {
	StringVar(p *string, name, value, usage string)
}

func (e *exportFile) register(flags flagSet) {
	flags.StringVar(&e.path, "file", "", "ask an export of the whole ledger, or the folder of an archive, and no broker")
	flags.StringVar(&e.anchor, "anchor", "", "with --file: digest of genesis, or a file that holds it (default the data folder's)")
}

// given reports whether a file is asked.
func (e *exportFile) given() bool { return e.path != "" }

func (e *exportFile) check() error {
	switch {
	case !e.given() && e.anchor != "":
		return usage(errors.New("--anchor says whose ledger a file must hold; name one with --file"))
	case e.path == "-":
		return usage(errors.New("--file -: it is read more than once, which a pipe cannot be; name a file or a folder"))
	default:
		return nil
	}
}

// open finds the ledger in the file, and the anchor that it was held against.
func (e *exportFile) open(ctx context.Context, g *globals) (*zone.ExportSource, trust.Digest, error) {
	anchor, err := g.anchorOf(e.anchor)
	if err != nil {
		return nil, trust.Digest{}, err
	}
	kept, err := evidence.Open(e.path)
	if err != nil {
		return nil, trust.Digest{}, err
	}
	x, err := zone.OpenExportSource(ctx, kept, anchor)
	if err != nil {
		return nil, trust.Digest{}, fmt.Errorf("%s: %w", e.path, err)
	}
	return x, anchor, nil
}
