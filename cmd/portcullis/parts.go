package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullis-dev/portcullis/core/trust"
	"github.com/portcullis-dev/portcullis/fabric"
	pb "github.com/portcullis-dev/portcullis/schemas/portcullis/v1"
	"github.com/portcullis-dev/portcullis/zone"
)

// The parts of a zone as processes of their own.

func newEnforcerCommand(g *globals) *cobra.Command {
	return newPartCommand(g, pb.Role_ROLE_ENFORCER, "Decide: fold the ledger, evaluate policy, sign decisions")
}

func newExecutorCommand(g *globals) *cobra.Command {
	return newPartCommand(g, pb.Role_ROLE_EXECUTOR, "Act: claim what was allowed, and do it once")
}

func newSentinelCommand(g *globals) *cobra.Command {
	return newPartCommand(g, pb.Role_ROLE_SENTINEL, "Watch: pulse while all is well")
}

func newAuditorCommand(g *globals) *cobra.Command {
	return newPartCommand(g, pb.Role_ROLE_AUDITOR, "Audit: derive every verdict again while the ledger grows")
}

func newPartCommand(g *globals, role pb.Role, short string) *cobra.Command {
	name := trust.RoleName(role)
	return g.watched(&cobra.Command{
		Use:   name + " NAME",
		Short: short,
		Long: short + `.

Runs until it is interrupted, logs on standard error, and writes one line when it
can do its work.

JSON: {"event":"ready","role","name","server"}, and "metrics" with --metrics`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.runPart(c.Context(), role, args[0], partHooks{}) },
	})
}

// partHooks are what a command adds to running a part; each may be nil.
type partHooks struct {
	adjust func(*zone.Config) error                   // changes how the part runs
	joined func(*zone.Zone) (leave func(), err error) // before the part starts; leave runs when it has ended
}

// runPart runs one part until it is told to end.
func (g *globals) runPart(ctx context.Context, role pb.Role, name string, hooks partHooks) error {
	f, log, broker, err := g.openAt()
	if err != nil {
		return err
	}
	cfg, tools, err := zoneConfig(f, log, role == pb.Role_ROLE_EXECUTOR)
	if err != nil {
		return err
	}
	defer tools.Close()
	if hooks.adjust != nil {
		if err := hooks.adjust(&cfg); err != nil {
			return err
		}
	}
	watch, err := g.monitor(ctx, log)
	if err != nil {
		return err
	}
	defer watch.close()
	watch.watch(&cfg)
	z, err := zone.Join(cfg, broker)
	if err != nil {
		return err
	}
	defer z.Close()
	watch.zone.Store(z)
	if hooks.joined != nil {
		leave, err := hooks.joined(z)
		if err != nil {
			return err
		}
		defer leave()
	}
	if role == pb.Role_ROLE_EXECUTOR {
		unlisten := brakeOnSignal(z.Brake(), log)
		defer unlisten()
	}
	settled := g.quietStart()
	if err := z.Start(ctx, role, name); err != nil {
		return orEnded(ctx, err)
	}
	if err := z.Ready(ctx); err != nil {
		return orEnded(ctx, err)
	}
	settled()
	watch.begun.Store(true)
	if err := g.ready(trust.RoleName(role), name, broker.URL); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-z.Failed():
		return err
	}
}

// zoneConfig is what a zone of this binary is made of. Only executors need tools.
func zoneConfig(f *fabric.Fabric, log *slog.Logger, executes bool) (zone.Config, *zone.Tools, error) {
	build, err := fabric.BuildDigest()
	if err != nil {
		return zone.Config{}, nil, err
	}
	cfg := zone.Config{Fabric: f, Logger: log, Build: build}
	var c zone.ToolsConfig
	if executes {
		if c, err = zone.ReadTools(f); err != nil {
			return zone.Config{}, nil, err
		}
	}
	tools, err := zone.OpenTools(c)
	if err != nil {
		return zone.Config{}, nil, err
	}
	cfg.Handlers = tools.Handlers
	if cfg.Tools, err = c.Digest(); err != nil {
		return zone.Config{}, nil, errors.Join(err, tools.Close())
	}
	return cfg, tools, nil
}

// ready tells whoever started this process that it can do its work, and where its
// metrics are if they were asked for.
func (g *globals) ready(role, name, url string) error {
	object := map[string]string{"event": "ready", "role": role, "server": url}
	what := role
	if name != "" {
		object["name"] = name
		what += " " + name
	}
	text := fmt.Sprintf("ready: %s at %s\n", what, url)
	if g.pages != "" {
		object["metrics"] = g.pages
		text += "  metrics   " + g.pages + "\n"
	}
	return g.say(object, "%s", text)
}

// orEnded is nil when a service stopped because it was told to.
func orEnded(ctx context.Context, err error) error {
	if ended(ctx, err) {
		return nil
	}
	return err
}

// watchInterval is how often a running broker looks for new participants and
// records in its folder.
const watchInterval = 500 * time.Millisecond

func newServerCommand(g *globals) *cobra.Command {
	var port int
	var limits limitFlags
	c := &cobra.Command{
		Use:   "server",
		Short: "Run the broker alone: the ledger of this data folder",
		Long: `Runs an embedded NATS server with the ledger of the data folder, and founds the
ledger when it is new. Runs until it is interrupted; lets in whoever is enrolled
meanwhile. It must run where a governor's key is.

JSON: {"event":"ready","role":"server","server"}`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return g.runServer(c.Context(), port, &limits) },
	}
	limits.register(c)
	c.Flags().IntVar(&port, "port", 0, "port to listen on (default the data folder's; -1: any free one)")
	return c
}

func (g *globals) runServer(ctx context.Context, port int, flags *limitFlags) error {
	f, log, err := g.open()
	if err != nil {
		return err
	}
	limits, err := flags.read()
	if err != nil {
		return err
	}
	z, err := zone.Open(ctx, zone.Config{Fabric: f, Logger: log, Port: port, Limits: limits})
	if err != nil {
		return orEnded(ctx, err)
	}
	defer z.Close()
	if err := g.ready("server", "", z.URL()); err != nil {
		return err
	}
	return orEnded(ctx, keepRunning(ctx, f, z, func(context.Context) error { return nil }))
}
