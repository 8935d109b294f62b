package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

func newUpCommand(g *globals) *cobra.Command {
	var flags initFlags
	var limits limitFlags
	var console upConsole
	c := &cobra.Command{
		Use:   "up",
		Short: "Run a whole zone in one process; make it first when it is new",
		Long: `Runs everything of the data folder in one process: the broker with the ledger,
enforcers, executors with their tools, sentinels, recorders, auditors, and a toy
bank, and the web console. A new folder is initialized first; the flags of init count then. Ctrl-C ends it. With --server or
--context, or in a folder made with --servers, the broker is one elsewhere, whose
accounts and streams its operator has set up (see portcullis broker).

JSON: {"event":"running","created","data","trust_domain","zone","ledger","server","bank","console","metrics","parts":[{"role","name"}],
"evidence":[{"recorder","address","fork"}]};
{"event":"refreshed","data"} when it took up what was enrolled meanwhile`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			console.asked = c.Flags().Changed("console")
			return g.runUp(c.Context(), &flags, &limits, &console)
		},
	}
	flags.register(c)
	limits.register(c)
	console.register(c)
	return g.watched(c)
}

// readyWithin is how long a zone may take to recover before `up` says that
// something is wrong.
const readyWithin = 60 * time.Second

func (g *globals) runUp(ctx context.Context, flags *initFlags, limits *limitFlags, console *upConsole) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	dir, err := g.dir()
	if err != nil {
		return err
	}
	wanted, err := limits.read()
	if err != nil {
		return err
	}
	f, created, err := flags.ensure(dir)
	if err != nil {
		return err
	}
	if !g.ownBroker(f) {
		if err := limits.elsewhere(); err != nil {
			return err
		}
	}
	cfg, tools, err := zoneConfig(f, log, true)
	if err != nil {
		return err
	}
	defer tools.Close()
	watch, err := g.monitor(ctx, log)
	if err != nil {
		return err
	}
	defer watch.close()
	watch.watch(&cfg)
	cfg.Limits = wanted
	cfg.Port = flags.port
	settled := g.quietStart()
	z, err := g.startZone(ctx, cfg, watch)
	if err != nil {
		return orEnded(ctx, err)
	}
	defer z.Close()
	unlisten := brakeOnSignal(z.Brake(), log)
	defer unlisten()
	bank, err := startBank(ctx, f)
	if err != nil {
		return err
	}
	if bank != nil {
		defer bank.Close()
	}
	if err := g.startConsole(ctx, console, f, z, log); err != nil {
		return err
	}
	defer console.close()
	settled()
	watch.begun.Store(true)
	if err := g.running(f, z, bank, console, created); err != nil {
		return err
	}
	return orEnded(ctx, keepRunning(ctx, f, z, func(ctx context.Context) error {
		if err := z.StartAll(ctx); err != nil {
			return err
		}
		return g.say(map[string]string{"event": "refreshed", "data": f.Dir}, "took up what changed in %s\n", f.Dir)
	}))
}

func startBank(ctx context.Context, f *fabric.Fabric) (*zone.Bank, error) {
	c, err := zone.ReadTools(f)
	if err != nil || c.Bank.Listen == "" {
		return nil, err
	}
	return zone.StartBank(ctx, c.Bank.Listen)
}

// startZone starts everything, but for the broker if one elsewhere is named.
func (g *globals) startZone(ctx context.Context, cfg zone.Config, watch *monitor) (*zone.Zone, error) {
	z, err := g.openZone(ctx, cfg)
	if err != nil {
		return nil, err
	}
	watch.zone.Store(z)
	ready, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err = z.StartAll(ctx); err == nil {
		err = z.Ready(ready)
	}
	if err != nil {
		z.Close()
		return nil, err
	}
	return z, nil
}

// ownBroker reports whether the broker of a folder is one of this process.
func (g *globals) ownBroker(f *fabric.Fabric) bool {
	return g.server == "" && g.natsContext == "" && f.NATS.Embedded()
}

func (g *globals) openZone(ctx context.Context, cfg zone.Config) (*zone.Zone, error) {
	if g.ownBroker(cfg.Fabric) {
		return zone.Open(ctx, cfg)
	}
	broker, err := g.broker(cfg.Fabric)
	if err != nil {
		return nil, err
	}
	founding, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	if err := zone.Found(founding, cfg.Fabric, broker, cfg.Logger); err != nil {
		return nil, orUnreachable(err)
	}
	return zone.Join(cfg, broker)
}

// keepRunning lets in whoever is enrolled meanwhile, then does what else is to be
// done about it, until ctx ends, a part fails or the store does: a broker that
// stores nothing is no broker.
func keepRunning(ctx context.Context, f *fabric.Fabric, z *zone.Zone, then func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	go func() {
		watched <- zone.Watch(ctx, f, watchInterval, func() error {
			if err := z.Refresh(ctx); err != nil {
				return fmt.Errorf("taking up what changed in %s: %w", f.Dir, err)
			}
			return then(ctx)
		})
	}()
	select {
	case err := <-watched:
		return err
	case err := <-z.Failed():
		cancel()
		return errors.Join(err, orEnded(ctx, <-watched))
	}
}

// running says in a few lines what is running and what to type next.
func (g *globals) running(f *fabric.Fabric, z *zone.Zone, bank *zone.Bank, console *upConsole, created bool) error {
	participants, err := f.Participants()
	if err != nil {
		return err
	}
	names := map[pb.Role][]string{}
	var parts []map[string]string
	for _, p := range participants {
		names[p.Role] = append(names[p.Role], p.Name)
		parts = append(parts, map[string]string{"role": trust.RoleName(p.Role), "name": p.Name})
	}
	bankURL := ""
	if bank != nil {
		bankURL = bank.URL()
	}
	recordings := z.Recordings()
	if g.json {
		evidence := []object{}
		for _, r := range recordings {
			evidence = append(evidence, object{"recorder": r.Name, "address": r.Address, "fork": r.Fork})
		}
		return writeJSON(g.stdout, map[string]any{
			"evidence": evidence,
			"event":    "running", "created": created, "data": f.Dir, "trust_domain": f.TrustDomain, "zone": f.Zone,
			"ledger": f.Ledger.String(), "server": z.URL(), "bank": bankURL, "console": console.url, "metrics": g.pages, "parts": parts,
		})
	}
	var b strings.Builder
	if created {
		fmt.Fprintf(&b, "made a new trust domain in %s\n", f.Dir)
	}
	fmt.Fprintf(&b, "running: trust domain %s, zone %s, in %s\n", f.TrustDomain, f.Zone, f.Dir)
	fmt.Fprintf(&b, "  ledger     %s at %s\n", f.Ledger.Short(), z.URL())
	for _, role := range []pb.Role{pb.Role_ROLE_ENFORCER, pb.Role_ROLE_EXECUTOR, pb.Role_ROLE_SENTINEL, pb.Role_ROLE_RECORDER, pb.Role_ROLE_AUDITOR, pb.Role_ROLE_AGENT} {
		if role != pb.Role_ROLE_AUDITOR || len(names[role]) > 0 {
			fmt.Fprintf(&b, "  %-10s %s\n", trust.RoleName(role), g.partNames(role, names[role]))
		}
	}
	writeRecordings(&b, recordings)
	fmt.Fprintf(&b, "  files      %s\n", f.FilesDir())
	if bank != nil {
		fmt.Fprintf(&b, "  toy bank   %s\n", bankURL)
	}
	fmt.Fprintf(&b, "  console    %s\n", console.text())
	if g.pages != "" {
		fmt.Fprintf(&b, "  metrics    %s\n", g.pages)
	}
	b.WriteString("next, in another terminal:\n")
	for _, next := range []string{
		"propose%s --as scout --tool file-read --resource reports/q3.txt --arg path=reports/q3.txt",
		"propose%s --as scout --tool transfer --resource acme --arg to=acme --arg amount=250 --arg currency=EUR",
		"tail%s",
	} {
		fmt.Fprintf(&b, "  portcullis "+next+"\n", g.dataFlag())
	}
	b.WriteString("Ctrl-C ends it.\n")
	_, err = io.WriteString(g.stdout, b.String())
	return err
}

// partNames are the names of a role's members; a zone without a recorder says so.
func (g *globals) partNames(role pb.Role, names []string) string {
	if role == pb.Role_ROLE_RECORDER && len(names) == 0 {
		return "none: nothing proves later what the ledger says; make one with: portcullis enroll recorder r1" + g.dataFlag()
	}
	return strings.Join(names, " ")
}

// writeRecordings says where trees are served, and which ledger is not what was
// signed for.
func writeRecordings(b *strings.Builder, recordings []zone.Recording) {
	for _, r := range recordings {
		if r.Address != "" {
			fmt.Fprintf(b, "  evidence   http://%s, of %s\n", r.Address, r.Name)
		}
		if r.Fork != "" {
			fmt.Fprintf(b, "  FORK       %s signs nothing: %s\n", r.Name, shown([]byte(r.Fork), 3*maxReason))
		}
	}
}
