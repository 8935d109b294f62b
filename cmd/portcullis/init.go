package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	"github.com/portcullis-dev/portcullis/schemas"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// What a new fabric is called unless somebody says otherwise.
const (
	defaultTrustDomain = "portcullis.local"
	defaultZone        = "home"
)

// initFlags are what a new fabric is like.
type initFlags struct {
	params  fabric.Params
	port    int
	servers string // of the operator's own, with commas
	tlsCA   string // file
	bank    string
	relaxed bool
	given   func(flag string) bool // whether the command line has it
}

func (i *initFlags) register(c *cobra.Command) {
	flags := c.Flags()
	i.given = flags.Changed
	flags.StringVar(&i.params.TrustDomain, "trust-domain", defaultTrustDomain, "trust domain of every identity")
	flags.StringVar(&i.params.Zone, "zone", defaultZone, "name of the zone")
	flags.IntVar(&i.params.Enforcers, "enforcers", 1, "how many enforcers")
	flags.IntVar(&i.params.Executors, "executors", 1, "how many executors")
	flags.IntVar(&i.params.Sentinels, "sentinels", 1, "how many sentinels")
	flags.IntVar(&i.params.Recorders, "recorders", 1, "how many recorders")
	flags.IntVar(&i.params.Governors, "governors", 1, "how many governors; a majority of them signs")
	flags.IntVar(&i.params.K, "k", 1, "how many enforcers must agree")
	flags.IntVar(&i.port, "port", 0, "port of the broker (default 4222)")
	flags.StringVar(&i.servers, "servers", "", "URLs of brokers that you run yourself, with commas: nats://host:port, or tls://host:port (see portcullis broker)")
	flags.IntVar(&i.params.NATS.Replicas, "replicas", 0, "with --servers: how many of them keep the ledger, 1 or 3 (default as many as there are)")
	flags.StringVar(&i.tlsCA, "tls-ca", "", "with tls:// servers: file with the authority of their certificates, in PEM (default this machine's)")
	c.MarkFlagsMutuallyExclusive("port", "servers")
	flags.StringVar(&i.bank, "bank", zone.DefaultBank, "address of the toy bank on this machine")
	flags.BoolVar(&i.relaxed, "relaxed-sync-may-lose-records", false, "acknowledge records before they are on the disk")
}

// ensure makes the fabric unless the folder has it already. A trust domain or a
// zone that was named must be the folder's; one that was not is whatever it is.
func (i *initFlags) ensure(dir string) (f *fabric.Fabric, created bool, err error) {
	f, err = fabric.Open(dir)
	created = errors.Is(err, fabric.ErrNoFabric)
	if err != nil && !created {
		return nil, false, err
	}
	p := i.params
	if f != nil && !i.given("trust-domain") {
		p.TrustDomain = f.TrustDomain
	}
	if f != nil && !i.given("zone") {
		p.Zone = f.Zone
	}
	p.Clock = time.Now
	if p.NATS, err = i.broker(f); err != nil {
		return nil, false, err
	}
	if i.relaxed {
		p.Durability = pb.Durability_DURABILITY_RELAXED_SYNC_MAY_LOSE_RECORDS
	}
	if p.K > p.Enforcers {
		return nil, false, usage(errors.New("--k is more than --enforcers; that many could never agree"))
	}
	if err := errors.Join(trust.CheckTrustDomain(p.TrustDomain), schemas.CheckName(p.Zone)); err != nil {
		return nil, false, usage(err)
	}
	if f, err = fabric.Create(dir, p); err != nil {
		return nil, false, &failure{exitLocalState, err}
	}
	if !created {
		return f, false, nil // tools.yaml that was lost is no reason to act by another
	}
	return f, true, zone.EnsureTools(f, i.bank)
}

// broker is where the flags say that the broker is. What was said when the folder
// was made counts; saying something else now is a mistake.
func (i *initFlags) broker(f *fabric.Fabric) (fabric.NATS, error) {
	n := fabric.NATS{URL: i.servers, Port: i.port, Replicas: i.params.NATS.Replicas}
	switch {
	case i.servers == "" && (i.given("replicas") || i.given("tls-ca")):
		return n, usage(errors.New("--replicas and --tls-ca say how your own servers are; name those with --servers"))
	case i.servers == "":
		return n, nil
	case f != nil && f.NATS.URL != i.servers:
		return n, &failure{exitLocalState, fmt.Errorf("the data folder's broker is %s; choose another folder for %s, or leave --servers out", f.NATS.URL, i.servers)}
	}
	if n.Replicas == 0 {
		n.Replicas = len(n.Servers())
	}
	if i.tlsCA != "" {
		text, err := os.ReadFile(i.tlsCA)
		if err != nil {
			return n, &failure{exitLocalState, fmt.Errorf("--tls-ca: %w", err)}
		}
		n.CA = string(text)
	}
	if err := n.Check(); err != nil {
		return n, usage(err)
	}
	return n, nil
}

func newInitCommand(g *globals) *cobra.Command {
	var flags initFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a trust domain: keys, credentials, genesis, release 1",
		Long: `Makes a trust domain in the data folder: keys, NATS credentials, a local issuer,
genesis and release 1. Where the folder has one already, nothing is changed.

JSON: {"event":"initialized","created","data","trust_domain","zone","ledger","server"}`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := g.dir()
			if err != nil {
				return err
			}
			f, created, err := flags.ensure(dir)
			if err != nil {
				return err
			}
			if err := zone.EnsureTools(f, flags.bank); err != nil {
				return err
			}
			verb := "found"
			if created {
				verb = "made"
			}
			return g.say(map[string]any{
				"event": "initialized", "created": created, "data": f.Dir, "trust_domain": f.TrustDomain, "zone": f.Zone,
				"ledger": f.Ledger.String(), "server": f.NATS.URL,
			}, "%s trust domain %s, zone %s, in %s\nledger %s\nnext: portcullis up%s\n", verb, f.TrustDomain, f.Zone, f.Dir, f.Ledger, g.dataFlag())
		},
	}
	flags.register(c)
	return c
}

// dataFlag is how to name the data folder in a command that is suggested.
func (g *globals) dataFlag() string {
	if g.data == "" {
		return ""
	}
	return " --data " + g.data
}
