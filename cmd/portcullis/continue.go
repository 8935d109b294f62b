package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/zone"
)

// continueFlags say what continues what.
type continueFlags struct {
	from string
	port int
}

func newContinueCommand(g *globals) *cobra.Command {
	var flags continueFlags
	c := &cobra.Command{
		Use:   "continue --from OLD --data NEW",
		Short: "Make a new ledger that goes on from a sealed one",
		Long: `Makes a new data folder from that of a sealed ledger: the same trust domain, zone,
governors, issuer and members, with their keys, and the rules in force as release 1.
The new genesis names the old ledger and holds its last checkpoint, so that an audit
of the new one can tell whether the old one is whole.

Revocations and halts in force are carried over. Sessions and what limits have
counted are not: every session begins anew, every window is empty. The folder
files/ is not copied.

The old ledger is read on its own store, or from --server or --context. Refused is
one that is not sealed, that still runs, or whose last checkpoint does not verify or
does not cover the seal.

JSON: {"event":"continued","data","from","ledger","continues","size","trust_domain","zone"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.continueLedger(c.Context(), flags) },
	}
	c.Flags().StringVar(&flags.from, "from", "", "data folder of the sealed ledger (required)")
	c.Flags().IntVar(&flags.port, "port", 0, "port of the new broker (default the old one's)")
	return c
}

func (g *globals) continueLedger(ctx context.Context, flags continueFlags) error {
	if flags.from == "" || g.data == "" {
		return usage(errors.New("name both folders: --from OLD and --data NEW"))
	}
	log, err := g.logger()
	if err != nil {
		return err
	}
	old, err := fabric.Open(flags.from)
	if err != nil {
		return err
	}
	var named zone.Broker
	if g.server != "" || g.natsContext != "" {
		if named, err = g.broker(old); err != nil {
			return err
		}
	}
	broker, stop, err := zone.SealedBroker(old, named, log.With("part", "broker"))
	if err != nil {
		return err
	}
	defer stop()
	reading, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	gov, err := zone.Govern(reading, old, broker, log)
	if err != nil {
		return orUnreachable(err)
	}
	defer gov.Close()
	end, err := zone.ReadSealed(reading, old, gov.Conn())
	if err != nil {
		return orUnreachable(err)
	}
	signed, err := end.Check()
	if err != nil {
		return err
	}
	if named != (zone.Broker{}) { // else this process has its store alone
		if err := zone.CheckQuiet(reading, old, gov.Conn()); err != nil {
			return orUnreachable(err)
		}
	}
	next, err := old.Continue(g.data, end, flags.port)
	if err != nil {
		return err
	}
	return g.say(object{
		"event": "continued", "data": next.Dir, "from": old.Dir, "ledger": next.Ledger.String(), "continues": old.Ledger.String(), "size": signed.Size,
		"trust_domain": next.TrustDomain, "zone": next.Zone,
	}, "made ledger %s in %s\nit continues %s, which ended with %d records\nwho runs elsewhere needs the new bundle.json of its folder, and every session begins anew\nnext: portcullis up%s\n",
		next.Ledger.Short(), next.Dir, old.Ledger.Short(), signed.Size, g.dataFlag())
}
