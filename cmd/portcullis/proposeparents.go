package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/transcript"
	"github.com/portcullis-dev/portcullis/zone"
)

// mostParents is how many an intent may name (intent.proto).
const mostParents = 16

// parents are the digests of the intents that --parent means. A whole digest is taken
// as it is: agents may not read the ledger. Anything else is looked up there.
func (g *globals) parents(ctx context.Context, texts []string) ([]trust.Digest, error) {
	if len(texts) > mostParents {
		return nil, usage(fmt.Errorf("--parent is given %d times; an intent names at most %d", len(texts), mostParents))
	}
	var all []trust.Digest
	for _, text := range texts {
		digest, err := trust.ParseDigest(text)
		if err != nil {
			digest, err = g.findParent(ctx, text)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, digest)
	}
	return all, nil
}

func (g *globals) findParent(ctx context.Context, text string) (trust.Digest, error) {
	query, err := transcript.ParseQuery(text)
	if err != nil {
		return trust.Digest{}, usage(fmt.Errorf("--parent: %w", err))
	}
	f, conn, err := g.openLedger(ctx)
	if err != nil {
		return trust.Digest{}, fmt.Errorf("--parent %s is looked up on the ledger; give the whole digest where it cannot be read: %w", text, err)
	}
	defer conn.Close()
	last, err := conn.Last(ctx)
	if err != nil {
		return trust.Digest{}, err
	}
	digest, err := zone.FindIntent(ctx, f, conn, last, query)
	switch {
	case errors.Is(err, transcript.ErrAmbiguous):
		return digest, usage(fmt.Errorf("--parent: %w", err))
	case err != nil:
		return digest, fmt.Errorf("--parent: %w", err)
	default:
		return digest, nil
	}
}
