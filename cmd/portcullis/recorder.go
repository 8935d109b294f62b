package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

type recorderFlags struct {
	listen    string
	witnesses []string
}

func newRecorderCommand(g *globals) *cobra.Command {
	var flags recorderFlags
	c := &cobra.Command{
		Use:   "recorder NAME",
		Short: "Record: keep the ledger's tree, sign checkpoints, serve proofs",
		Long: `Follows the ledger, keeps a Merkle tree over it in the data folder, signs a
checkpoint every half second in which something new was written, asks witnesses to
cosign it, and serves the tree over HTTP (C2SP tlog-tiles). Where nothing is said
here, evidence.yaml in the data folder says it.

A ledger that is behind what was signed, or differs from it, is a fork: nothing is
signed, sentinels trip, and it goes on when governors have signed for what was
lost. See: portcullis loss

Runs until it is interrupted, logs on standard error, and writes one line when it
can do its work.

JSON: {"event":"ready","role":"recorder","name","server"}`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return g.runRecorder(c.Context(), args[0], c.Flags().Changed, &flags)
		},
	}
	c.Flags().StringVar(&flags.listen, "listen", "", "serve the tree at this address, for example 127.0.0.1:4290")
	c.Flags().StringArrayVar(&flags.witnesses, "witness", nil, "NAME=URL of a witness to ask (repeatable; then evidence.yaml names none)")
	return g.watched(c)
}

// evidence is what evidence.yaml says, with what the flags say in its place; nil
// where they say nothing.
func (r *recorderFlags) evidence(f *fabric.Fabric, changed func(flag string) bool) (*fabric.Evidence, error) {
	if !changed("listen") && !changed("witness") {
		return nil, nil
	}
	e, err := f.Evidence()
	if err != nil {
		return nil, err
	}
	if changed("listen") {
		e.Listen = r.listen
	}
	if changed("witness") {
		e.Witnesses = nil
	}
	for _, text := range r.witnesses {
		name, url, found := strings.Cut(text, "=")
		if !found || name == "" || url == "" {
			return nil, usage(fmt.Errorf("--witness %q is not NAME=URL", text))
		}
		e.Witnesses = append(e.Witnesses, fabric.WitnessURL{Name: name, URL: url})
	}
	return &e, nil
}

func (g *globals) runRecorder(ctx context.Context, name string, changed func(flag string) bool, flags *recorderFlags) error {
	return g.runPart(ctx, pb.Role_ROLE_RECORDER, name, partHooks{adjust: func(cfg *zone.Config) (err error) {
		cfg.Evidence, err = flags.evidence(cfg.Fabric, changed)
		return err
	}})
}
